"""Writes the API's description, from which the types in ``src/api/schema.d.ts`` are made."""

import json
import sys
from pathlib import Path

from workflow_catalog_server.app import all_routes
from workflow_catalog_server.openapi import openapi_document
from workflow_core.discovery import registry_of

if __name__ == "__main__":
    nothing_installed = registry_of("workflow-designer", "0", modules=[], actions=[])
    document = openapi_document(all_routes(nothing_installed))
    Path(sys.argv[1]).write_text(json.dumps(document))
