"""A page of NiceGUI, mounted on FastAPI. Pages talk to the server over Socket.IO."""

from fastapi import FastAPI
from nicegui import ui

app = FastAPI()


@ui.page("/")
def index() -> None:
    ui.label("Hello from NiceGUI")


ui.run_with(app)
