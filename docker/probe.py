"""Exit 0 if http://127.0.0.1:$PORT_VARIABLE/PATH answers 200, else 1: `python probe.py PORT_VARIABLE PATH`.

The slim image has no curl. http.client, unlike urllib, ignores the proxy variables that Docker may hand a container.
"""

import os
import sys
from http.client import HTTPConnection, HTTPException


def main(port_variable: str, path: str) -> int:
    """Ask once; anything but a timely 200 is a failure."""
    try:
        connection = HTTPConnection("127.0.0.1", int(os.environ[port_variable]), timeout=4)
        connection.request("GET", path)
        status = connection.getresponse().status
    except (OSError, HTTPException) as error:
        print(f"{path}: {error}", file=sys.stderr)
        return 1
    print(f"{path}: {status}")
    return 0 if status == 200 else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
