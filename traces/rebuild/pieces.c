#include "traces/rebuild/pieces.h"

#include "sim/assert.h"
#include "sim/error.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

/* How the streams of pieces are kept in a file, and read again. */

/* File: chunks of equal size, from number 1 on.
 *
 *   chunk    u32 number of the stream's next chunk (0: none yet), pieces, zeros
 *   piece    kind | rule << 4 | gone << 7, then thread and value where the kind has them,
 *            seven bits a byte, lowest first
 *
 * A place is number * size + offset. */
enum {
    LINK = sizeof(uint32_t),
    PIECE_MAX = 1 + 5 + 10, /* bytes */
    GONE = 0x80,
    NICE_LOWEST = -20,
};

G_STATIC_ASSERT(CP_PIECE_AWAIT < 16);

/* The chunk a stream grows in. */
typedef struct {
    uint8_t *bytes;  /* NULL: in the file only */
    uint32_t number; /* 0: the stream is empty */
    uint32_t fill;
} Tail;

struct CpPieces {
    gint n_refs;
    int fd;
    uint32_t n;          /* streams */
    uint32_t n_chunks;   /* used numbers, 0 included */
    uint32_t *first;     /* number of each stream's first chunk; 0: the stream is empty */
    uint8_t *outvoted;   /* by stream: rule + 1; 0: it is not */
    uint8_t *unyielding; /* by stream: it has no YIELD */
    Tail *tail;          /* by stream; NULL once sealed */
    uint64_t hash;
    GError *error; /* the first one while writing */
};

/* --- life --- */

CpPieces *cp_pieces_new(uint32_t n, GError **error)
{
    g_autofree char *path = NULL;
    g_autoptr(GError) why = NULL;
    int fd = g_file_open_tmp("coreplay-XXXXXX", &path, &why);
    if (fd < 0 || g_unlink(path) != 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) {
        g_set_error(error, CP_ERROR, CP_ERROR_OUTPUT,
                    "cannot make a temporary file for the replay: %s; set TMPDIR to a "
                    "folder one may write in",
                    why != NULL ? why->message : g_strerror(errno));
        if (fd >= 0) {
            close(fd);
        }
        return NULL;
    }
    CpPieces *p = g_new0(CpPieces, 1);
    *p = (CpPieces){.n_refs = 1, .fd = fd, .n = n, .n_chunks = 1};
    p->first = g_new0(uint32_t, (size_t)n + 1);
    p->outvoted = g_new0(uint8_t, (size_t)n + 1);
    p->unyielding = g_new0(uint8_t, (size_t)n + 1);
    p->tail = g_new0(Tail, (size_t)n + 1);
    return p;
}

CpPieces *cp_pieces_ref(CpPieces *p)
{
    g_atomic_int_inc(&p->n_refs);
    return p;
}

static void free_tails(CpPieces *p)
{
    for (uint32_t i = 0; p->tail != NULL && i < p->n; i++) {
        g_free(p->tail[i].bytes);
    }
    g_clear_pointer(&p->tail, g_free);
}

void cp_pieces_unref(CpPieces *p)
{
    if (p == NULL || !g_atomic_int_dec_and_test(&p->n_refs)) {
        return;
    }
    free_tails(p);
    close(p->fd);
    g_free(p->first);
    g_free(p->outvoted);
    g_free(p->unyielding);
    g_clear_error(&p->error);
    g_free(p);
}

/* --- the file --- */

static void write_at(CpPieces *p, const uint8_t *bytes, size_t n, int64_t at)
{
    while (n > 0 && p->error == NULL) {
        ssize_t done = pwrite(p->fd, bytes, n, (off_t)at);
        if (done < 0 && errno == EINTR) {
            continue;
        }
        if (done <= 0) {
            g_set_error(&p->error, CP_ERROR, CP_ERROR_OUTPUT,
                        "cannot write the temporary file of the replay: %s; set TMPDIR to "
                        "a folder with more room",
                        done < 0 ? g_strerror(errno) : "nothing was written");
            return;
        }
        bytes += done;
        n -= (size_t)done;
        at += done;
    }
}

static gboolean read_chunk(const CpPieces *p, int64_t number, uint8_t *bytes,
                           GError **error)
{
    for (size_t done = 0; done < CP_PIECES_CHUNK;) {
        ssize_t got = pread(p->fd, bytes + done, CP_PIECES_CHUNK - done,
                            (off_t)(number * CP_PIECES_CHUNK) + (off_t)done);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            g_set_error(error, CP_ERROR, CP_ERROR_OUTPUT,
                        "cannot read the temporary file of the replay: %s",
                        got < 0 ? g_strerror(errno) : "it ends early");
            return FALSE;
        }
        done += (size_t)got;
    }
    return TRUE;
}

static void flush(CpPieces *p, const Tail *tail)
{
    write_at(p, tail->bytes, CP_PIECES_CHUNK, (int64_t)tail->number * CP_PIECES_CHUNK);
}

/* --- writing --- */

static bool has_thread(CpPieceKind kind)
{
    return (kind >= CP_PIECE_WAIT && kind <= CP_PIECE_JOIN_ALL) || kind >= CP_PIECE_ANSWER;
}

static bool has_value(CpPieceKind kind)
{
    return kind != CP_PIECE_WAKE && kind != CP_PIECE_SPAWN && kind < CP_PIECE_YIELD;
}

static uint32_t put_number(uint8_t *at, uint64_t number)
{
    uint32_t n = 0;
    for (; number > 0x7f; number >>= 7) {
        at[n++] = (uint8_t)(number | 0x80);
    }
    at[n++] = (uint8_t)number;
    return n;
}

static void mix(CpPieces *p, uint64_t x)
{
    p->hash = (p->hash ^ x) * 0x9e3779b97f4a7c15u;
    p->hash ^= p->hash >> 29;
}

/* A chunk to write into: the one in use if there is room, else the next one. */
static void make_room(CpPieces *p, uint32_t stream)
{
    Tail *tail = &p->tail[stream];
    if (tail->number != 0 && tail->bytes == NULL) {
        tail->bytes = g_malloc0(CP_PIECES_CHUNK);
        read_chunk(p, tail->number, tail->bytes, p->error == NULL ? &p->error : NULL);
    }
    if (tail->number != 0 && tail->fill + PIECE_MAX <= CP_PIECES_CHUNK) {
        return;
    }
    uint32_t number = p->n_chunks++;
    cp_require(number != 0); /* 2^32 chunks are a TiB */
    if (tail->number == 0) {
        p->first[stream] = number;
        tail->bytes = g_malloc0(CP_PIECES_CHUNK);
    } else {
        memcpy(tail->bytes, &number, LINK);
        flush(p, tail);
        memset(tail->bytes, 0, CP_PIECES_CHUNK);
    }
    tail->number = number;
    tail->fill = LINK;
}

int64_t cp_pieces_add(CpPieces *p, uint32_t stream, const CpPiece *piece)
{
    cp_require(p->tail != NULL && stream < p->n && piece->rule < 8);
    make_room(p, stream);
    Tail *tail = &p->tail[stream];
    CpPieceKind kind = (CpPieceKind)piece->kind;
    int64_t place = (int64_t)tail->number * CP_PIECES_CHUNK + tail->fill;
    tail->bytes[tail->fill++] = (uint8_t)(kind | piece->rule << 4);
    if (has_thread(kind)) {
        tail->fill += put_number(tail->bytes + tail->fill, piece->thread);
    }
    if (has_value(kind)) {
        int64_t value = piece->value - (kind == CP_PIECE_NICE ? NICE_LOWEST : 0);
        tail->fill += put_number(tail->bytes + tail->fill, (uint64_t)MAX(value, 0));
    }
    mix(p, (uint64_t)stream << 32 | piece->thread);
    mix(p, (uint64_t)piece->value << 8 | kind);
    return place;
}

static void change_byte(CpPieces *p, uint32_t stream, int64_t place, uint8_t and,
                        uint8_t or)
{
    cp_require(p->tail != NULL && stream < p->n);
    const Tail *tail = &p->tail[stream];
    mix(p, (uint64_t)place << 8 | or);
    if (place / CP_PIECES_CHUNK == tail->number && tail->bytes != NULL) {
        uint8_t *byte = &tail->bytes[place % CP_PIECES_CHUNK];
        *byte = (uint8_t)((*byte & and) | or);
        return;
    }
    uint8_t byte = 0;
    if (pread(p->fd, &byte, 1, (off_t)place) == 1) {
        byte = (uint8_t)((byte & and) | or);
        write_at(p, &byte, 1, place);
    } else if (p->error == NULL) {
        g_set_error(&p->error, CP_ERROR, CP_ERROR_OUTPUT,
                    "cannot read the temporary file of the replay: %s", g_strerror(errno));
    }
}

void cp_pieces_change(CpPieces *p, uint32_t stream, int64_t place, CpPieceKind kind)
{
    change_byte(p, stream, place, 0xf0, (uint8_t)kind);
}

void cp_pieces_take_back(CpPieces *p, uint32_t stream, int64_t place)
{
    change_byte(p, stream, place, 0xff, GONE);
}

void cp_pieces_outvote(CpPieces *p, uint32_t stream, uint8_t rule)
{
    cp_require(stream < p->n);
    p->outvoted[stream] = (uint8_t)(rule + 1);
    mix(p, (uint64_t)stream << 8 | rule);
}

void cp_pieces_drop_yields(CpPieces *p, uint32_t stream)
{
    cp_require(stream < p->n);
    p->unyielding[stream] = 1;
    mix(p, (uint64_t)stream << 8 | CP_PIECE_YIELD);
}

void cp_pieces_rest(CpPieces *p, uint32_t stream)
{
    cp_require(p->tail != NULL && stream < p->n);
    Tail *tail = &p->tail[stream];
    if (tail->bytes != NULL) {
        flush(p, tail);
        g_clear_pointer(&tail->bytes, g_free);
    }
}

gboolean cp_pieces_seal(CpPieces *p, GError **error)
{
    for (uint32_t i = 0; i < p->n; i++) {
        cp_pieces_rest(p, i);
    }
    free_tails(p);
    if (p->error != NULL) {
        g_propagate_error(error, g_steal_pointer(&p->error));
        return FALSE;
    }
    return TRUE;
}

/* --- reading --- */

int64_t cp_pieces_first(const CpPieces *p, uint32_t stream)
{
    return p->first[stream] == 0 ? 0 : (int64_t)p->first[stream] * CP_PIECES_CHUNK + LINK;
}

/* Chunks end with zeros, so a number that is no number stops there. */
static uint64_t get_number(const uint8_t *bytes, uint32_t *at)
{
    uint64_t number = 0;
    for (unsigned shift = 0; *at < CP_PIECES_CHUNK && shift < 64; shift += 7) {
        uint8_t byte = bytes[(*at)++];
        number |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            break;
        }
    }
    return number;
}

/* Where the next piece is written, from the place on: at the end of a chunk in the next
 * one. False: nowhere. */
static gboolean find_raw(const CpPieces *p, CpPieceWindow *w, int64_t *place, bool *found,
                         GError **error)
{
    int64_t chunk = *place / CP_PIECES_CHUNK;
    uint32_t at = (uint32_t)(*place % CP_PIECES_CHUNK);
    *found = false;
    while (chunk != 0 && !*found) {
        if (w->chunk != chunk && !read_chunk(p, chunk, w->bytes, error)) {
            w->chunk = 0;
            return FALSE;
        }
        w->chunk = chunk;
        *found = at < CP_PIECES_CHUNK && w->bytes[at] != 0;
        if (!*found) {
            uint32_t next;
            memcpy(&next, w->bytes, LINK);
            chunk = next;
            at = LINK;
        }
    }
    *place = *found ? chunk * CP_PIECES_CHUNK + at : *place;
    return TRUE;
}

/* The piece written at the place, which the window shows; false: it was taken back. */
static bool decode(const CpPieceWindow *w, int64_t *place, CpPiece *piece)
{
    uint32_t at = (uint32_t)(*place % CP_PIECES_CHUNK);
    uint8_t byte = w->bytes[at++];
    *piece = (CpPiece){.kind = byte & 15, .rule = byte >> 4 & 7};
    if (has_thread((CpPieceKind)piece->kind)) {
        piece->thread = (uint32_t)get_number(w->bytes, &at);
    }
    if (has_value((CpPieceKind)piece->kind)) {
        piece->value = (int64_t)get_number(w->bytes, &at) +
                       (piece->kind == CP_PIECE_NICE ? NICE_LOWEST : 0);
    }
    *place = w->chunk * CP_PIECES_CHUNK + at;
    return !(byte & GONE);
}

static bool is_outvoted(const CpPieces *p, uint32_t stream, const CpPiece *piece)
{
    return p->outvoted[stream] == piece->rule + 1;
}

static bool is_timed(const CpPiece *piece)
{
    return piece->kind == CP_PIECE_RUN || piece->kind == CP_PIECE_DELAY;
}

/* Whether the piece counts; what it is, as all that is known of the stream says. */
static bool resolve(const CpPieces *p, uint32_t stream, CpPiece *piece)
{
    if (piece->kind == CP_PIECE_WAKE) {
        return !is_outvoted(p, piece->thread, piece);
    }
    if (piece->kind == CP_PIECE_YIELD) {
        return !p->unyielding[stream];
    }
    if (piece->kind == CP_PIECE_WAIT && is_outvoted(p, stream, piece)) {
        piece->kind = CP_PIECE_DELAY;
        piece->thread = 0;
    } else if (has_thread((CpPieceKind)piece->kind)) {
        piece->value = 0;
    }
    return !is_timed(piece) || piece->value > 0;
}

/* The next piece that counts; *start is its place. */
static gboolean read_one(const CpPieces *p, uint32_t stream, CpPieceWindow *w,
                         int64_t *start, int64_t *behind, CpPiece *piece, GError **error)
{
    *behind = *start;
    for (bool counts = false; !counts;) {
        bool found;
        *start = *behind;
        if (!find_raw(p, w, start, &found, error)) {
            return FALSE;
        }
        *behind = *start;
        if (!found) {
            *piece = (CpPiece){.kind = CP_PIECE_END};
            return TRUE;
        }
        counts = decode(w, behind, piece) && resolve(p, stream, piece);
    }
    return TRUE;
}

gboolean cp_pieces_next(const CpPieces *p, uint32_t stream, CpPieceWindow *w,
                        int64_t *place, CpPiece *piece, GError **error)
{
    int64_t behind;
    if (!read_one(p, stream, w, place, &behind, piece, error)) {
        return FALSE;
    }
    *place = behind;
    while (is_timed(piece)) {
        CpPiece more;
        if (!read_one(p, stream, w, place, &behind, &more, error)) {
            return FALSE;
        }
        if (more.kind != piece->kind) {
            break; /* *place is where it stands */
        }
        piece->value += more.value;
        *place = behind;
    }
    return TRUE;
}

uint64_t cp_pieces_hash(const CpPieces *p)
{
    return p->hash;
}
