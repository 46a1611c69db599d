/* Found only when configure did not find cmocka: the tests then fail by name instead of
 * being left out unseen. */
#error "cmocka is missing: install libcmocka-dev (Debian), libcmocka-devel (Fedora) or cmocka (Arch), then run configure again"
