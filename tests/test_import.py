import ast
import importlib
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter

import pytest

import uvicorn
from tests.processes import ROOT

# Every import by `import uvicorn` costs time at every start, even for `uvicorn --version`.
LATE = [
    "dotenv",
    "email.utils",
    "h11",
    "httptools",
    "logging.config",
    "multiprocessing",
    "pathlib",
    "random",
    "uvicorn._speedups",
    "uvicorn._subprocess",
    "uvicorn.middleware",
    "uvicorn.net.port_owner",
    "uvicorn.net.tls",
    "uvicorn.protocols",
    "uvicorn.supervisors",
    "uvloop",
    "watchfiles",
    "websockets",
    "wsproto",
    "yaml",
]


def test_the_package_has_the_public_names() -> None:
    assert uvicorn.__all__ == ["main", "run", "Config", "Server"]
    assert all(hasattr(uvicorn, name) for name in uvicorn.__all__)
    assert uvicorn.__version__.count(".") == 2


# Names that programs import. The other names of the protocol classes have their own test.
PUBLIC = {
    "uvicorn.main": "main run Server ServerState STARTUP_FAILURE LOGGING_CONFIG LEVEL_CHOICES ChangeReload "
    "Multiprocess print_version logger",
    "uvicorn._ansi": "style",
    "uvicorn.config": "Config LOGGING_CONFIG LOG_LEVELS HTTP_PROTOCOLS WS_PROTOCOLS LIFESPAN LOOP_FACTORIES INTERFACES "
    "UvicornDeprecationWarning SSL_PROTOCOL_VERSION STARTUP_FAILURE create_ssl_context resolve_reload_patterns is_dir "
    "HTTPProtocolType WSProtocolType LifespanType LoopFactoryType InterfaceType",
    "uvicorn.server": "Server ServerState HANDLED_SIGNALS",
    "uvicorn.supervisors": "ChangeReload Multiprocess",
    "uvicorn.supervisors.basereload": "BaseReload",
    "uvicorn.supervisors.statreload": "StatReload",
    "uvicorn.supervisors.multiprocess": "Process Multiprocess SIGNALS",
    "uvicorn.protocols.utils": "ClientDisconnected get_path_with_query_string get_client_addr get_remote_addr "
    "get_local_addr is_ssl",
    "uvicorn.middleware.proxy_headers": "ProxyHeadersMiddleware",
    "uvicorn.middleware.asgi2": "ASGI2Middleware",
    "uvicorn.middleware.wsgi": "WSGIMiddleware build_environ",
    "uvicorn.middleware.message_logger": "MessageLoggerMiddleware",
    "uvicorn.lifespan.on": "LifespanOn",
    "uvicorn.lifespan.off": "LifespanOff",
    "uvicorn.logging": "ColourizedFormatter DefaultFormatter AccessFormatter TRACE_LOG_LEVEL",
    "uvicorn.importer": "import_from_string ImportFromStringError",
    "uvicorn.loops.auto": "auto_loop_factory",
    "uvicorn.loops.asyncio": "asyncio_loop_factory",
    "uvicorn._compat": "asyncio_run",
    "uvicorn._subprocess": "get_subprocess subprocess_started",
}


@pytest.mark.parametrize("module", PUBLIC)
def test_a_module_has_the_names_that_programs_import(module: str) -> None:
    found = importlib.import_module(module)
    assert [name for name in PUBLIC[module].split() if not hasattr(found, name)] == []


def test_nothing_is_imported_before_it_is_needed() -> None:
    # -S: the imports of the site module are not the server's.
    # PyPy's own modules import pathlib.
    late = [name for name in LATE if name != "pathlib" or sys.implementation.name != "pypy"]
    code = f"import sys; sys.path[:0] = {sys.path!r}; import uvicorn; print([m for m in {late!r} if m in sys.modules])"
    command = [sys.executable, "-S", "-c", code]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "[]\n"


def test_a_websocket_library_is_imported_only_if_it_is_named() -> None:
    code = (
        "import sys, uvicorn; config = uvicorn.Config('tests.apps:asgi3_app', ws=sys.argv[1]); config.load(); "
        "print(config.ws_protocol_class.__module__, 'websockets' in sys.modules)"
    )
    for ws, module, imported in (("auto", "builtin_impl", False), ("websockets", "websockets_impl", True)):
        command = [sys.executable, "-c", code, ws]
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        assert output == f"uvicorn.protocols.websockets.{module} {imported}\n"


def imports(node: ast.AST) -> Iterator[str]:
    """Find the modules that a module imports at import time, and the names from them, which may be modules."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ImportFrom):
            yield from (str(child.module), *(f"{child.module}.{alias.name}" for alias in child.names))
        elif isinstance(child, ast.Import):
            yield from (alias.name for alias in child.names)
        elif isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            continue
        elif not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from imports(child)


@pytest.mark.once
def test_there_are_no_import_cycles() -> None:
    paths = {path: path.relative_to(ROOT).with_suffix("") for path in (ROOT / "uvicorn").rglob("*.py")}
    modules = {".".join(name.parts).removesuffix(".__init__"): path for path, name in paths.items()}
    graph = {name: set(imports(ast.parse(path.read_text(encoding="utf-8")))) for name, path in modules.items()}
    # The import of a module imports its packages first, and the package `uvicorn` imports the public names.
    del graph["uvicorn"]
    order = list(TopologicalSorter({name: found & graph.keys() for name, found in graph.items()}).static_order())
    assert order.index("uvicorn.waiters") < order.index("uvicorn.protocols.http.http1")


@pytest.mark.parametrize(
    "libraries", [["dotenv", "httptools", "uvloop", "watchfiles", "websockets", "wsproto", "yaml"]]
)
def test_it_works_without_any_optional_library(libraries: list[str]) -> None:
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({libraries!r})); import uvicorn; "
        "config = uvicorn.Config('tests.apps:asgi3_app'); config.load(); "
        "classes = config.http_protocol_class, config.ws_protocol_class; "
        "print(*(found.__name__ for found in classes), config.get_loop_factory().__module__)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "H11Protocol BuiltinWebSocketProtocol asyncio.unix_events\n"


@pytest.mark.parametrize(("option", "name"), [("workers=2", "multiprocess"), ("reload=True", "basereload")])
def test_a_supervisor_is_imported_before_the_line_about_ctrl_c(option: str, name: str) -> None:
    """A Ctrl-C during an import may be lost."""
    code = f"""
import sys, uvicorn
uvicorn.Config.bind_socket = lambda self: sys.exit(f"{{'uvicorn.supervisors.{name}' in sys.modules}}")
uvicorn.run("examples.hello:app", {option})
"""
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert answer.stderr.splitlines()[-1] == "True"
