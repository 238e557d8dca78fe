"""Checks the documents of a server: python valid.py SERVER."""

import json
import sys
import urllib.request

from openapi_spec_validator import validate

for path in ["/api/v1/api-docs", "/api/v1/openapi.json"]:
    with urllib.request.urlopen(sys.argv[1] + path) as answer:
        document = json.load(answer)
    validate(document)
    print(f"{path} is valid: {len(document['paths'])} paths")
