"""Release tooling: builds what is deployed. Nothing that runs in AWS imports it."""
