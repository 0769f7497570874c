"""gcp-storage-emulator on a free port, which is printed; it ends when standard input does."""

import logging
import os
import sys
import threading
from functools import partial
from http import server

from gcp_storage_emulator.server import RequestHandler
from gcp_storage_emulator.storage import Storage

logging.disable(logging.CRITICAL)
RequestHandler.log_message = lambda *_: None
httpd = server.ThreadingHTTPServer(("127.0.0.1", 0), partial(RequestHandler, Storage(use_memory_fs=True)))
threading.Thread(target=httpd.serve_forever, daemon=True).start()
print(httpd.server_port, flush=True)
sys.stdin.read()
os._exit(0)
