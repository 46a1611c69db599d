# Two ends of a socketpair in two threads.
import socket
import threading

left, right = socket.socketpair()


def answer():
    for _ in range(500):
        right.recv(10)
        right.send(b"y")


t = threading.Thread(target=answer)
t.start()
for _ in range(500):
    left.send(b"x")
    left.recv(10)
t.join()
