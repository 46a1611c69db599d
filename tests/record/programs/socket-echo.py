# An echo server in a thread, a client in another.
import socket
import threading
import time


def serve(listener):
    connection, _ = listener.accept()
    with connection:
        while True:
            data = connection.recv(1024)
            if not data:
                break
            time.sleep(0.002)
            connection.sendall(data)


listener = socket.create_server(("127.0.0.1", 0))
server = threading.Thread(target=serve, args=(listener,))
server.start()
with socket.create_connection(listener.getsockname()) as client:
    for i in range(30):
        client.sendall(b"ping")
        assert client.recv(1024) == b"ping"
server.join()
listener.close()
print("closed")
