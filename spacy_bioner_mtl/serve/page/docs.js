"use strict";

// No validator: that would be a request to another host.
SwaggerUIBundle({ url: "openapi.json", dom_id: "#interface", validatorUrl: null });
