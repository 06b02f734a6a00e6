"""Metrics for Prometheus and answers for probes, on a listener of their own.

Each process counts in memory of its own, which its supervisor reads. So no process waits for another, and a worker that
hangs or dies is still counted.

    process   writes its cells                        server_metrics.py
    reader    adds them up and makes the text         collector.py
    HTTP      answers, and knows nothing of metrics   responder.py
    owner     has the listener                        server_metrics.py in one process, supervisor_metrics.py
"""
