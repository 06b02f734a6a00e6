"""`python -m uvicorn`."""

import uvicorn

# A spawned worker imports this module under another name, and must not run the command.
if __name__ == "__main__":  # pragma: no branch - it runs only in processes without coverage
    uvicorn.main()
