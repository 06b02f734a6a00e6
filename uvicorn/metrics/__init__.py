"""Metrics for Prometheus, and answers for probes, at a separate address (`--metrics`).

Each process counts in its own memory, which its supervisor reads. So no process waits for another one, and the counts
of a worker that hangs or has died are not lost.

    server_metrics.py       writes the numbers of a process; opens the address if there is only one process
    supervisor_metrics.py   opens the address in a supervisor
    collector.py            adds the numbers of all processes, and formats them
    responder.py            a small HTTP server for the address
    cells.py                the memory
"""
