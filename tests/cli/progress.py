"""What a run shows on a terminal, alone and under mpirun: one line that is written over, no wider than the
terminal.

usage: progress.py WIDTH COMMAND...     prints what was written; exit code that of the command
"""

import fcntl
import os
import pty
import struct
import sys
import termios

width, command = int(sys.argv[1]), sys.argv[2:]
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(command[0], command)
fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
written = b""
while True:
    try:
        part = os.read(terminal, 65536)
    except OSError:  # the other end is closed
        break
    if not part:
        break
    written += part
_, status = os.waitpid(pid, 0)
sys.stdout.buffer.write(written)
sys.exit(os.waitstatus_to_exitcode(status))
