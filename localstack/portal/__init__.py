"""A demo portal: one page that calls the Order API from a browser, as the customer portal does (docs/portal.md).

Start reading with static/orders.js, the calls. app.py serves the page and what stands for the rest of a portal.
"""
