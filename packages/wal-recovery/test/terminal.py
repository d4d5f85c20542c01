"""Runs a program on a terminal of its own: terminal.py COLUMNS EXPECTED KEYS PROGRAM [ARGUMENT ...]

Types KEYS once EXPECTED has been shown, if there are any; the name of a signal is sent, HANGUP closes the terminal, and
COLUMNS=N makes it so wide and types Ctrl-C once EXPECTED has been shown after that. STOP types Ctrl-Z, lets the program
go on once it has stopped, and types Ctrl-C as above, or a minute after that; a line of its own says where it was stopped.
Prints what the program shows, and ends as it does.
"""

import fcntl
import os
import select
import signal
import struct
import sys
import termios

columns, expected, keys = int(sys.argv[1]), sys.argv[2].encode(), sys.argv[3].encode()
terminal, own = os.openpty()


def resize(columns):
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))


def stop_and_go_on():
    """What is shown until the program has stopped, and how the terminal is then."""
    os.write(terminal, b"\x1a")
    _, status = os.waitpid(child, os.WUNTRACED)
    if not os.WIFSTOPPED(status):
        sys.exit("it has ended")
    shown = b""
    while select.select([terminal], [], [], 0)[0]:
        shown += os.read(terminal, 65536)
    is_as_before = termios.tcgetattr(terminal) == before
    os.kill(child, signal.SIGCONT)
    return shown + (b"\nSTOPPED\n" if is_as_before else b"\nSTOPPED in another mode\n")


# Before the program looks how wide it is.
resize(columns)
before = termios.tcgetattr(terminal)
child = os.fork()
if child == 0:
    os.setsid()
    fcntl.ioctl(own, termios.TIOCSCTTY, 0)
    for stream in range(3):
        os.dup2(own, stream)
    os.closerange(3, 256)
    os.execvp(sys.argv[4], sys.argv[4:])
os.close(own)
shown = b""
since = 0
wait = None
while True:
    if not select.select([terminal], [], [], wait)[0]:
        os.write(terminal, keys)
        wait = keys = None
    try:
        part = os.read(terminal, 65536)
    except OSError:
        part = b""
    if not part:
        break
    shown += part
    if keys and expected in shown[since:]:
        if keys == b"HANGUP":
            os.close(terminal)
            break
        if keys.startswith(b"COLUMNS="):
            since = len(shown)
            resize(int(keys.removeprefix(b"COLUMNS=")))
            keys = b"\x03"
            continue
        if keys == b"STOP":
            shown += stop_and_go_on()
            since = len(shown)
            keys = b"\x03"
            wait = 60
            continue
        if keys.startswith(b"SIG"):
            os.kill(child, signal.Signals[keys.decode()])
        else:
            os.write(terminal, keys)
        keys = b""
_, status = os.waitpid(child, 0)
sys.stdout.buffer.write(shown)
sys.exit(os.waitstatus_to_exitcode(status))
