"""The page that explains the HTTP interface; everything it loads comes from here."""

from __future__ import annotations

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles

__all__ = ["add_docs"]

ASSETS = "docs/assets"


def add_docs(api: FastAPI) -> None:
    """Put the page at /docs."""
    from swagger_ui_bundle import swagger_ui_path

    api.mount(f"/{ASSETS}", StaticFiles(directory=swagger_ui_path), name="docs assets")

    @api.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return get_swagger_ui_html(  # addresses without a leading slash, so that a prefix of Serve's does no harm
            openapi_url="openapi.json",
            title="Metrify",
            swagger_js_url=f"{ASSETS}/swagger-ui-bundle.js",
            swagger_css_url=f"{ASSETS}/swagger-ui.css",
            swagger_favicon_url=f"{ASSETS}/favicon-32x32.png",
            swagger_ui_parameters={"validatorUrl": None, "defaultModelsExpandDepth": 0},
        )
