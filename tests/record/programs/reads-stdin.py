# Reads all of its input.
# input: one two
import sys

for line in sys.stdin:
    print(line.strip()[::-1])
