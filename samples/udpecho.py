"""A UDP echo with rare packets beside a thread that computes: how late is each answer?

    gilscope record -o udp.gillog -- python3 samples/udpecho.py

    udpecho.py [PACKETS [SECONDS BETWEEN THEM]]         100 packets, 0.01 s

What to see.  The server sleeps in recv without the lock; when a packet comes, it wakes and asks for the lock while
the spinner holds it.  Python 3: it has it after 5 ms, so each answer is 5 ms late or more.  Python 2.7: a wake-up at
each check of the spinner, most of them for nothing (RETRY), and now and then a very long wait.  The client is a
process of its own, which prints how late the answers were.
"""
import os
import socket
import sys
import threading
import time


def serve(sock):
    while True:
        data, address = sock.recvfrom(100)
        if data == b"end":
            return
        sock.sendto(data, address)


def spin(done):
    n = 0
    while not done:
        n += 1


def client(address, packets, pause):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    delays = []
    for i in range(packets):
        time.sleep(pause)
        began = time.time()
        sock.sendto(b"ping", address)
        sock.recvfrom(100)
        delays.append(time.time() - began)
    sock.sendto(b"end", address)
    delays.sort()
    sys.stdout.write("delay: median %.2f ms, longest %.2f ms\n" % (delays[len(delays) // 2] * 1e3, delays[-1] * 1e3))
    sys.stdout.flush()


def main():
    packets = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    pause = float(sys.argv[2]) if len(sys.argv) > 2 else 0.01
    done = []
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    pid = os.fork()
    if not pid:
        client(sock.getsockname(), packets, pause)
        os._exit(0)
    server = threading.Thread(target=serve, args=(sock,), name="udp server")
    spinner = threading.Thread(target=spin, args=(done,), name="spinner")
    spinner.start()
    server.start()
    server.join()
    done.append(1)
    spinner.join()
    os.waitpid(pid, 0)


if __name__ == "__main__":
    main()
