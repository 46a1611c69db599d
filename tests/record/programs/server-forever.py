# A server that never ends.
# for 300ms
import socket

listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen()
print("listening")
while True:
    listener.accept()
