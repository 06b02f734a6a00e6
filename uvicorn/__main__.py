"""`python -m uvicorn`."""

import uvicorn

# A spawned worker imports this module under another name.
if __name__ == "__main__":  # pragma: no branch - that is in a process without coverage
    uvicorn.main()
