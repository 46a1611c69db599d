# A module that is not there.
import threading
import no_such_module_anywhere
