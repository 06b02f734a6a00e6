"""Ray Serve, on 127.0.0.1 alone: as a program, with a port, it serves examples/ray_serve.py until Ctrl-C."""

import signal
import sys

import ray
from ray import serve
from ray._private import services

from examples.ray_serve import app

if __name__ == "__main__":
    # Ray would take the address of a network interface, and listen there.
    services.node_ip_address_from_perspective = lambda *_: "127.0.0.1"
    # As many as its own actors and the replicas ask for, however many there are.
    ray.init(num_cpus=4, include_dashboard=False, object_store_memory=100_000_000)
    try:
        serve.start(http_options={"host": "127.0.0.1", "port": int(sys.argv[1])})
        serve.run(app)
        print("ready", flush=True)
        signal.pause()
    except KeyboardInterrupt:
        pass
    finally:
        serve.shutdown()
        ray.shutdown()
