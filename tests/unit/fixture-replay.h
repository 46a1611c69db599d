/* Records a made-up program and replays it, each in a process of its own, so that what the
 * replay needs can be measured. */
#ifndef CP_TESTS_FIXTURE_REPLAY_H
#define CP_TESTS_FIXTURE_REPLAY_H

/* Leaves the recording of so many rounds, some 35 switches each, at `path`.  Returns the
 * most bytes of memory that its replay had; *ns, if not NULL, how long that took, from
 * opening the recording on.  A failure ends the test program. */
double fixture_replay(const char *path, const char *rounds, double *ns);

#endif
