"""Runs a command with a terminal as its standard error whose output is stopped, as by Ctrl-S.

Prints what the command prints on standard output, terminates the command at the first line of that,
and ends with its exit code; then prints what the terminal showed once it went on.
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
