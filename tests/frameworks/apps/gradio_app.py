"""A Gradio interface, mounted on FastAPI. Its client gets results as server-sent events."""

import gradio
from fastapi import FastAPI

demo = gradio.Interface(fn=str.upper, inputs="text", outputs="text", api_name="shout")
app = gradio.mount_gradio_app(FastAPI(), demo, path="/")
