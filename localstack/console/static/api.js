"use strict";

// Shows the API document, ready to be tried out with the token that the page has.

const place = document.getElementById("swagger");
const ui = SwaggerUIBundle({
  url: place.dataset.document,
  domNode: place,
  tryItOutEnabled: true,
  deepLinking: true,
  defaultModelsExpandDepth: 0,
  onComplete: () => ui.preauthorizeApiKey("idToken", place.dataset.token),
});
