# Child programs, one after another and side by side.
import subprocess
import sys

code = "import time; time.sleep(0.05)"
print(subprocess.run([sys.executable, "-S", "-c", code]).returncode)
children = [subprocess.Popen([sys.executable, "-S", "-c", code]) for _ in range(2)]
print([child.wait() for child in children])
print(subprocess.check_output([sys.executable, "-S", "-c", "print('hi')"]))
