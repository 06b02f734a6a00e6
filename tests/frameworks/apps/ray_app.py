"""Ray Serve on 127.0.0.1. Run as a program with a port, it serves examples/ray_serve.py until Ctrl-C."""

import signal
import sys

import ray
from ray import serve
from ray._private import services

from examples.ray_serve import app

if __name__ == "__main__":
    # By default Ray listens on the address of a network interface.
    services.node_ip_address_from_perspective = lambda *_: "127.0.0.1"
    # Ray's actors and the replicas ask for four processors, however many the machine has.
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
