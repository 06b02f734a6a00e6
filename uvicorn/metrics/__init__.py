"""Metrics and health: what a server tells Prometheus and what probes it, on a listener of their own.

Each process counts in memory that its supervisor reads, and no other process writes there. So nobody waits for anybody,
and a worker that hangs or dies is still counted.

    process   writes its cells                        server_metrics.py
    reader    adds them up and makes the text         collector.py
    HTTP      answers, and knows nothing of metrics   responder.py
    owner     has the listener                        server_metrics.py in one process, supervisor_metrics.py
"""
