#!/bin/sh
# Groups, topologies, classes and spinning at random: with every tick run and with silent ones
# left out, all kernels do the same, and keep their laws.
exec "$top_builddir/tests/vopr" --kernel 1 60
