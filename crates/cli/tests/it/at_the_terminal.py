"""Runs a command on a terminal of its own, waits for the question and types: `at_the_terminal.py KEYS COMMAND…`. It prints all that the command
printed and ends with its code. `KEYS` are hexadecimal, as 03 for Ctrl-C."""

import os
import pty
import sys

keys, command = bytes.fromhex(sys.argv[1]), sys.argv[2:]
child, terminal = pty.fork()
if child == 0:
    os.execvp(command[0], command)
said = b""
while True:
    try:
        part = os.read(terminal, 4096)
    except OSError:  # The other end is closed: Linux says EIO.
        break
    if not part:
        break
    said += part
    if b"[y/N] " in said and keys:
        os.write(terminal, keys)
        keys = b""
sys.stdout.buffer.write(said)
sys.stdout.flush()
_, status = os.waitpid(child, 0)
sys.exit(os.waitstatus_to_exitcode(status))
