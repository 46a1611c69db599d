#include "models/python/future.h"
#include "models/native/sync.h"

/* multiprocessing.Queue: a shared queue into which a Python process puts something.
 *
 * `put` appends to a buffer of its process and wakes that process's feeder thread, which
 * the first put has started.  The feeder pickles with the GIL of its process, takes the
 * write lock of all and writes to the pipe.  `get` takes the read lock, reads, gives the
 * lock back and unpickles: while one waits at the pipe, the others wait for it.  A bounded
 * queue counts its items from put to get.  At its end a process waits until its buffers are
 * written. */

/* A pipe is 16 pages; a write goes on in the page before only if it fits there as a whole.
 * Mirrors pipe.c:pipe_write. */
enum { PAGE = 4096, PIPE_SIZE = 16 * PAGE };

/* Room an item takes in the pipe: what Connection.send_bytes writes, its length first.
 * Without a stated size it is a number, pickled. */
static int64_t room_of(const CpItem *item)
{
    enum { LENGTH = 4, NONE = 4, BYTE = 5, WORD = 6, NUMBER = 8 };
    int64_t v = item->value, bytes = item->size;
    if (bytes == 0) {
        bytes = v == INT64_MIN              ? NONE /* that is how it is written */
                : v >= 0 && v <= UINT8_MAX  ? BYTE
                : v >= 0 && v <= UINT16_MAX ? WORD
                                            : NUMBER;
    }
    bytes += LENGTH;
    int64_t rest = bytes % PAGE;
    return bytes - rest + (rest == 0 ? 0 : PAGE / (PAGE / rest));
}

/* What a process has put and its feeder has not written yet. */
typedef struct {
    CpProcId proc;
    CpObjId obj;
    uint32_t next; /* buffer of the same queue in another process, CP_NONE: none */
    bool started;  /* its feeder runs */
    CpChan filled; /* the feeder waits here */
    CpObj ring;    /* only its items */
} Buffer;

/* Beside the object, whose items are those in the pipe. */
struct PyMpQueue {
    CpTid reader, writer; /* who has the locks, CP_NONE: nobody */
    bool reads;           /* the reader is at the empty pipe */
    CpChan readers, writers;
    CpChan room;      /* who waits for a place in a bounded queue */
    int64_t held;     /* items put and not got: places taken */
    int64_t filled;   /* bytes in the pipe */
    uint32_t buffers; /* first one, CP_NONE */
};

static Buffer *buffer_at(const PySim *ps, uint32_t row)
{
    cp_assert(row < ps->buffers.n);
    return (Buffer *)ps->buffers.rows + row;
}

static struct PyMpQueue *queue_of(const Py *p)
{
    cp_assert(p->insn->c < p->sim->w->objs->len);
    return &p->ps->mp[p->insn->c];
}

gboolean py_mp_init(CpSim *sim, PySim *ps, GError **error)
{
    uint32_t n = sim->w->objs->len;
    if (!cp_table_init(&ps->buffers, sizeof(Buffer), CP_PROCS_MAX, error)) {
        return FALSE;
    }
    ps->mp = cp_arena_alloc(sim->arena, sizeof *ps->mp * (n + 1));
    for (uint32_t i = 0; i < n; i++) {
        ps->mp[i] =
            (struct PyMpQueue){.reader = CP_NONE, .writer = CP_NONE, .buffers = CP_NONE};
        if (cp_obj_decl(sim->w, i)->feeder != CP_NONE) {
            ps->mp[i].readers = cp_channel_new(sim);
            ps->mp[i].writers = cp_channel_new(sim);
            ps->mp[i].room = cp_channel_new(sim);
        }
    }
    return TRUE;
}

void py_mp_clear(PySim *ps)
{
    for (uint32_t i = 0; i < ps->buffers.n; i++) {
        g_free(buffer_at(ps, i)->ring.items);
    }
    cp_table_clear(&ps->buffers);
}

bool py_is_mp_queue(const Py *p)
{
    CpOp op = p->insn->op;
    return (op == CP_OP_SEND || op == CP_OP_RECV) &&
           cp_obj_decl(p->sim->w, p->insn->c)->feeder != CP_NONE;
}

/* The buffer of this process, made when it puts for the first time. */
static Buffer *own_buffer(Py *p)
{
    struct PyMpQueue *q = queue_of(p);
    CpProcId me = cp_thread(p->sim, p->tid)->proc;
    for (uint32_t i = q->buffers; i != CP_NONE; i = buffer_at(p->ps, i)->next) {
        if (buffer_at(p->ps, i)->proc == me) {
            return buffer_at(p->ps, i);
        }
    }
    uint32_t row = cp_row_new(p->sim, &p->ps->buffers, "queue buffers");
    *buffer_at(p->ps, row) = (Buffer){.proc = me,
                                      .obj = p->insn->c,
                                      .next = q->buffers,
                                      .filled = cp_channel_new(p->sim)};
    q->buffers = row;
    return buffer_at(p->ps, row);
}

CpObjId py_mp_unwritten(const Py *p)
{
    CpProcId me = cp_thread(p->sim, p->tid)->proc;
    for (uint32_t i = 0; i < p->ps->buffers.n; i++) {
        const Buffer *buffer = buffer_at(p->ps, i);
        if (buffer->proc == me && buffer->ring.n > 0) {
            return buffer->obj;
        }
    }
    return CP_NONE;
}

static CpStep wait_at(Py *p, CpChan chan, CpTime deadline)
{
    cp_assert(!(p->t->flags & PY_HAS));
    cp_wait(p->sim, p->tid, chan, deadline, CP_BLOCK_QUEUE, p->insn->c);
    return CP_STEP_BLOCK;
}

/* --- put --- */

enum { PUT_BEGIN, PUT_FULL, PUT_ROOM, PUT_START = 10, PUT_APPEND = 15 };

static bool take_place(Py *p)
{
    struct PyMpQueue *q = queue_of(p);
    int64_t places = cp_obj_decl(p->sim->w, p->insn->c)->n;
    if (places > 0 && q->held >= places) {
        return false;
    }
    q->held++;
    cp_assert(q->held > 0 && (places == 0 || q->held <= places));
    return true;
}

static void append(Py *p, Buffer *buffer)
{
    const int64_t *regs = cp_regs(p->sim, p->flow);
    CpTime release = regs[CP_REG_RELEASE];
    cp_items_push(&buffer->ring,
                  (CpItem){.value = regs[CP_REG_VALUE],
                           .stamp = release == CP_NEVER ? p->sim->now : release,
                           .size = p->insn->b == CP_REG_NONE ? 0 : regs[p->insn->b],
                           .sent = p->sim->now});
    p->proc->pending++;
    cp_wake(p->sim, buffer->filled, 1, p->tid, CP_WAKE_THREAD, 0);
    py_charge(p, p->proc->cost->mp_put);
}

static CpStep put(Py *p)
{
    CpFlow *flow = p->flow;
    Buffer *buffer = own_buffer(p);
    const CpInsn spawn = {CP_OP_SPAWN, CP_REG_FREE, 0,
                          cp_obj_decl(p->sim->w, p->insn->c)->feeder};
    for (;;) {
        switch (flow->rt_state) {
        case PUT_BEGIN:
            if (take_place(p)) {
                flow->rt_state = buffer->started ? PUT_APPEND : PUT_START;
                buffer->started = true;
                break;
            }
            p->sim->objs[p->insn->c].contended++;
            flow->rt_state = PUT_FULL;
            PY_DO(py_drop(p));
            break;
        case PUT_FULL:
            if (!take_place(p)) {
                return wait_at(p, queue_of(p)->room, CP_NEVER);
            }
            flow->rt_state = PUT_ROOM;
            PY_DO(py_take(p));
            break;
        case PUT_ROOM:
            flow->rt_state = buffer->started ? PUT_APPEND : PUT_START;
            buffer->started = true;
            break;
        case PUT_APPEND:
            append(p, buffer);
            return CP_STEP_NEXT;
        default:
            PY_DO(py_start_thread(p, &spawn, PUT_START));
            flow->rt_state = PUT_APPEND;
            break;
        }
    }
}

/* --- the feeder --- */

enum { FEED_NEXT, FEED_IDLE, FEED_PICKLED, FEED_LOCK, FEED_WRITE, FEED_TAKEN };

/* What does not fit is written as a reader takes it out at the other end. */
static bool can_write(const Py *p, const Buffer *buffer)
{
    const struct PyMpQueue *q = queue_of(p);
    return q->filled + room_of(&buffer->ring.items[buffer->ring.head]) <= PIPE_SIZE ||
           (q->filled == 0 && q->reads);
}

/* In the pipe it is; the process may end now. */
static void write_item(Py *p, Buffer *buffer)
{
    struct PyMpQueue *q = queue_of(p);
    cp_assert(q->writer == p->tid);
    CpItem item = cp_items_pop(&buffer->ring);
    q->filled += room_of(&item);
    int64_t *regs = cp_regs(p->sim, p->flow);
    const CpInsn send = {CP_OP_SEND, 0, CP_REG_FREE, p->insn->c};
    regs[CP_REG_VALUE] = item.value;
    regs[CP_REG_RELEASE] = item.stamp;
    regs[CP_REG_FREE] = item.size;
    cp_require(cp_sync_step(p->sim, p->tid, &send, CP_WHY_BEGIN) == CP_STEP_NEXT);
    q->writer = CP_NONE;
    cp_wake(p->sim, q->writers, 1, p->tid, CP_WAKE_THREAD, 0);
    py_pending_done(p, p->proc);
}

CpStep py_op_queue_feed(Py *p)
{
    CpFlow *flow = p->flow;
    struct PyMpQueue *q = queue_of(p);
    Buffer *buffer = own_buffer(p);
    const CpObj *o = &p->sim->objs[p->insn->c];
    for (;;) {
        bool empty = buffer->ring.n == 0;
        int64_t size = empty ? 0 : buffer->ring.items[buffer->ring.head].size;
        switch (flow->rt_state) {
        case FEED_NEXT:
            flow->rt_state = empty ? FEED_IDLE : FEED_PICKLED;
            PY_DO(empty ? py_drop(p)
                        : py_burst(p, p->proc->cost->mp_feed + py_pickle_cost(p, size)));
            break;
        case FEED_IDLE:
            if (empty) {
                cp_wait(p->sim, p->tid, buffer->filled, CP_NEVER, CP_BLOCK_RUNTIME,
                        CP_NONE);
                return CP_STEP_BLOCK;
            }
            flow->rt_state = FEED_NEXT;
            PY_DO(py_take(p));
            break;
        case FEED_PICKLED:
            flow->rt_state = FEED_LOCK;
            PY_DO(py_drop(p));
            break;
        case FEED_LOCK:
            if (q->writer != CP_NONE) {
                return wait_at(p, q->writers, CP_NEVER);
            }
            q->writer = p->tid;
            flow->rt_state = FEED_WRITE;
            break;
        case FEED_WRITE:
            if (!can_write(p, buffer)) {
                return wait_at(p, o->chan2, CP_NEVER);
            }
            write_item(p, buffer);
            flow->rt_state = FEED_NEXT;
            PY_DO(py_take(p));
            break;
        }
    }
}

/* --- get --- */

enum { GET_BEGIN, GET_LOCK, GET_READ, GET_TAKE, GET_DONE, GET_LATE, GET_NOTHING };

static void read_done(Py *p)
{
    struct PyMpQueue *q = queue_of(p);
    cp_assert(q->reader == p->tid);
    q->reader = CP_NONE;
    q->reads = false;
    cp_wake(p->sim, q->readers, 1, p->tid, CP_WAKE_THREAD, 0);
}

/* Takes the item out of the pipe; another process may put now. */
static void read_item(Py *p)
{
    struct PyMpQueue *q = queue_of(p);
    const CpObj *o = &p->sim->objs[p->insn->c];
    p->t->left = o->items[o->head].size; /* until its burst is armed */
    q->filled = MAX(q->filled - room_of(&o->items[o->head]), 0); /* natives do not count */
    cp_require(py_sync_now(p) == CP_STEP_NEXT);
    read_done(p);
    q->held -= q->held > 0; /* a native thread's item takes no place */
    cp_wake(p->sim, q->room, 1, p->tid, CP_WAKE_THREAD, 0);
}

static CpStep get(Py *p)
{
    CpFlow *flow = p->flow;
    struct PyMpQueue *q = queue_of(p);
    for (;;) {
        bool late = p->why == CP_WHY_TIMEOUT;
        p->why = CP_WHY_RAN;
        switch (flow->rt_state) {
        case GET_BEGIN:
            p->t->deadline = p->insn->b == CP_REG_NONE
                                 ? CP_NEVER
                                 : p->sim->now + cp_regs(p->sim, flow)[p->insn->b];
            flow->rt_state = GET_LOCK;
            PY_DO(py_drop(p));
            break;
        case GET_LOCK:
            if (late) {
                flow->rt_state = GET_LATE;
                break;
            }
            if (q->reader != CP_NONE) {
                return wait_at(p, q->readers, p->t->deadline);
            }
            q->reader = p->tid;
            flow->rt_state = GET_READ;
            break;
        case GET_READ:
            if (p->sim->objs[p->insn->c].n > 0) {
                read_item(p);
                flow->rt_state = GET_TAKE;
            } else if (late) {
                read_done(p);
                flow->rt_state = GET_LATE;
            } else {
                q->reads = true;
                cp_wake(p->sim, p->sim->objs[p->insn->c].chan2, 1, p->tid, CP_WAKE_THREAD,
                        0); /* the beginning of what is too long is there to be read */
                return wait_at(p, p->sim->objs[p->insn->c].chan, p->t->deadline);
            }
            break;
        case GET_TAKE: {
            CpTime work = p->proc->cost->mp_get + py_pickle_cost(p, p->t->left);
            flow->rt_state = GET_DONE;
            PY_DO(py_burst(p, work));
            break;
        }
        case GET_LATE:
            flow->rt_state = GET_NOTHING;
            PY_DO(py_take(p));
            break;
        default:
            flow->timed_out = flow->rt_state == GET_NOTHING;
            return CP_STEP_NEXT;
        }
    }
}

CpStep py_mp_step(Py *p)
{
    return p->insn->op == CP_OP_SEND ? put(p) : get(p);
}
