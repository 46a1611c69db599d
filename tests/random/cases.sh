#!/bin/sh
# Workloads that failed once pass every test that random ones are put to.
exec "$top_builddir/tests/vopr" --file "$top_srcdir"/tests/hostile/*.cpw
