# socketserver with a thread for each client.
import socket
import socketserver
import threading
import time


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        self.rfile.readline()
        time.sleep(0.05)
        self.wfile.write(b"ok\n")


def ask(address):
    with socket.create_connection(address) as s:
        s.sendall(b"get\n")
        s.recv(10)


server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
thread.start()
clients = [threading.Thread(target=ask, args=(server.server_address,)) for _ in range(4)]
for c in clients:
    c.start()
for c in clients:
    c.join()
server.shutdown()
server.server_close()
print("shut down")
