"""The talk's convoy: 10 MB through an echo server's thread, beside threads that only compute.

    gilscope record -o convoy.gillog -- python3 samples/echo.py 1

    echo.py [SPINNERS [BYTES]]          0, 1, 2 spinners; 10 million bytes

The client is a process of its own, which is not recorded (but for --children).

What to see.  Python 3: with no spinner the server's thread has the lock at once.  With one, each send and each
recv lets the lock go, and has to wait a whole switch interval (5 ms) to get it back: BUSY, TIMEOUT, DROP_REQUEST,
ACQUIRE, again and again, for a hold of a few microseconds.  Python 2.7: the spinner lets go every 100 ticks, so the
server comes through much sooner.  A 10 MB run with spinners takes long on Python 3: give fewer bytes.
"""
import os
import socket
import sys
import threading
import time

CHUNK = 8192


def serve(listener):
    conn, _ = listener.accept()
    while True:
        data = conn.recv(CHUNK)
        if not data:
            break
        conn.sendall(data)
    conn.close()


def spin(done):
    n = 0
    while not done:
        n += 1


def client(address, left):
    conn = socket.create_connection(address)
    message = b"x" * CHUNK
    while left > 0:
        conn.sendall(message)
        got = 0
        while got < CHUNK:
            got += len(conn.recv(CHUNK - got))
        left -= CHUNK
    conn.close()


def main():
    spinners = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    left = int(sys.argv[2]) if len(sys.argv) > 2 else 10000000
    done = []
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(1)
    pid = os.fork()
    if not pid:
        client(listener.getsockname(), left)
        os._exit(0)
    server = threading.Thread(target=serve, args=(listener,), name="echo server")
    threads = [threading.Thread(target=spin, args=(done,), name="spinner %d" % (i + 1)) for i in range(spinners)]
    for t in threads:
        t.start()
    began = time.time()
    server.start()
    server.join()
    print("%d spinners: %.2f s" % (spinners, time.time() - began))
    done.append(1)
    for t in threads:
        t.join()
    os.waitpid(pid, 0)


if __name__ == "__main__":
    main()
