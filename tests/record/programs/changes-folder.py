# The program changes the directory and imports from its own.
import os
import sys
import tempfile

folder = tempfile.mkdtemp()
os.chdir(folder)
with open("helper.py", "w") as out:
    out.write("def value():\n    return 5\n")
sys.path.insert(0, "")
sys.dont_write_bytecode = True
import helper

print(helper.value(), __name__, os.path.basename(__file__))
os.remove("helper.py")
os.chdir("/")
os.rmdir(folder)
