"""Runs a command whose standard error is a terminal with stopped output, as after Ctrl-S.

Prints the first line of the command's standard output, and sends the command SIGTERM. Then lets the
terminal's output continue, prints the number of bytes that it showed, and ends with the command's
exit code.
"""
import os, pty, signal, subprocess, sys, termios, threading

master, slave = pty.openpty()
shown = bytearray()


def read():
    try:
        while data := os.read(master, 65536):
            shown.extend(data)
    except OSError:
        pass


termios.tcflow(slave, termios.TCOOFF)
child = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=slave)
print(child.stdout.readline().decode(), end='')
child.send_signal(signal.SIGTERM)
code = child.wait(timeout=30)
reader = threading.Thread(target=read, daemon=True)
reader.start()
termios.tcflow(slave, termios.TCOON)
os.close(slave)
reader.join(timeout=2)
print(len(shown))
sys.exit(code)
