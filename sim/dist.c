#include "sim/dist.h"

#include "sim/assert.h"

/* Fixed point: "Qn" means that the integer is the value times 2^n.  Inside, values near 1
 * are Q62; the interface speaks Q32. */
#define LN2_Q62 INT64_C(3196577161300663915)
/* ln 2^32 as Q32. */
#define LN_2_32 (LN2_Q62 >> 25)

#define PPM INT64_C(1000000)

/* Larger samples are cut here, so that now + sample cannot overflow (104 days of ns). */
#define SAMPLE_MAX (INT64_C(1) << 53)

uint64_t cp_rng_key(uint64_t seed, uint64_t id, uint64_t draw)
{
    /* Three rounds of the splitmix64 finaliser, one a word, so that every bit of every
     * argument reaches every bit of the result. */
    const uint64_t word[3] = {seed, id, draw};
    uint64_t z = 0;
    for (size_t i = 0; i < G_N_ELEMENTS(word); i++) {
        z = (z ^ word[i]) + UINT64_C(0x9e3779b97f4a7c15);
        z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
        z ^= z >> 31;
    }
    return z;
}

/* --- fixed-point functions --- */

static inline int64_t mul(int64_t a, int64_t b, unsigned shift)
{
    return (int64_t)((__int128)a * b >> shift);
}

/* For each 64th i of [1, 2): c is 1 / (middle of the 64th) rounded to Q14 and ln = -ln c in
 * Q62, for that c exactly.  The first c is 1, so that ln 1 is 0. */
static const struct {
    int64_t c, ln;
} ln_table[64] = {
    {16384, INT64_C(0)},
    {16009, INT64_C(106779830131033306)},
    {15768, INT64_C(176732162963778634)},
    {15534, INT64_C(245683324621607683)},
    {15308, INT64_C(313270361458114757)},
    {15087, INT64_C(380334060805723537)},
    {14873, INT64_C(446216410103762420)},
    {14665, INT64_C(511166409921415512)},
    {14463, INT64_C(575130671798989277)},
    {14266, INT64_C(638378009720791414)},
    {14075, INT64_C(700538509727871538)},
    {13888, INT64_C(762219884508268157)},
    {13707, INT64_C(822718318295189968)},
    {13530, INT64_C(882657365625964617)},
    {13358, INT64_C(941659211425270537)},
    {13190, INT64_C(1000026967437077519)},
    {13026, INT64_C(1057726568685481751)},
    {12866, INT64_C(1114723259196939013)},
    {12710, INT64_C(1170981621783871708)},
    {12558, INT64_C(1226465611830967170)},
    {12409, INT64_C(1281510220679482977)},
    {12264, INT64_C(1335715398095905716)},
    {12122, INT64_C(1389423822299305013)},
    {11984, INT64_C(1442225583099976637)},
    {11848, INT64_C(1494860368839250737)},
    {11716, INT64_C(1546528075676281653)},
    {11586, INT64_C(1597985066697962316)},
    {11460, INT64_C(1648412752905098561)},
    {11336, INT64_C(1698584248472543783)},
    {11215, INT64_C(1748073793358837341)},
    {11096, INT64_C(1797268884598998995)},
    {10980, INT64_C(1845734231735565441)},
    {10866, INT64_C(1893865420811340789)},
    {10755, INT64_C(1941217684393782735)},
    {10645, INT64_C(1988627958211454995)},
    {10538, INT64_C(2035217638691383316)},
    {10434, INT64_C(2080956650467001480)},
    {10331, INT64_C(2126707438395003250)},
    {10230, INT64_C(2172014965686019614)},
    {10131, INT64_C(2216861536458431489)},
    {10034, INT64_C(2261229202626374592)},
    {9939, INT64_C(2305099775466053697)},
    {9846, INT64_C(2348454838241420654)},
    {9754, INT64_C(2391748535147721134)},
    {9664, INT64_C(2434498016428278426)},
    {9576, INT64_C(2476684211812006139)},
    {9489, INT64_C(2518773849223116228)},
    {9404, INT64_C(2560270271856039450)},
    {9321, INT64_C(2601153844236639716)},
    {9239, INT64_C(2641903921181030329)},
    {9158, INT64_C(2682513692481881085)},
    {9079, INT64_C(2722468232627387990)},
    {9001, INT64_C(2762259575670409321)},
    {8924, INT64_C(2801880441237236908)},
    {8849, INT64_C(2840802233220575642)},
    {8775, INT64_C(2879529737861302132)},
    {8702, INT64_C(2918055232761806177)},
    {8630, INT64_C(2956370868968774162)},
    {8560, INT64_C(2993929892315016035)},
    {8490, INT64_C(3031797321650500822)},
    {8422, INT64_C(3068882981445318437)},
    {8355, INT64_C(3105717291019097593)},
    {8289, INT64_C(3142291777029334276)},
    {8224, INT64_C(3178597855804901098)},
};

int64_t cp_fix_ln(uint64_t x)
{
    if (x == 0) {
        return INT64_MIN;
    }
    /* x = m * 2^e with m in [1, 2), Q63; ln m = -ln c + ln(1 + r), r = m c - 1, |r| < 2^-6.
     */
    int zeros = __builtin_clzll(x);
    uint64_t m = x << zeros;
    unsigned i = (unsigned)(m >> 57) & 63;
    unsigned __int128 product = (unsigned __int128)m * (uint64_t)ln_table[i].c; /* Q77 */
    const int64_t one = INT64_C(1) << 62;
    int64_t r = (int64_t)(uint64_t)(product >> 15) - one;
    cp_assert(r > -(one >> 6) && r < one >> 6);
    /* r - r^2 / 2 + r^3 / 3 - r^4 / 4 + r^5 / 5; the rest is below 2^-38. */
    int64_t sum = one / 5;
    sum = mul(sum, r, 62) - one / 4;
    sum = mul(sum, r, 62) + one / 3;
    sum = mul(sum, r, 62) - one / 2;
    sum = mul(sum, r, 62) + one;
    __int128 ln = (__int128)(31 - zeros) * LN2_Q62 + ln_table[i].ln + mul(sum, r, 62);
    return (int64_t)((ln + (1 << 29)) >> 30);
}

uint64_t cp_fix_exp(int64_t x)
{
    const int64_t ln2 = LN2_Q62 >> 30;
    if (x >= 32 * ln2) {
        return UINT64_MAX;
    }
    if (x < -34 * ln2) {
        return 0;
    }
    /* x = k ln 2 + r with |r| <= ln 2 / 2; exp r by its series, then shifted by k. */
    int k = (int)((x + (x >= 0 ? ln2 / 2 : -ln2 / 2)) / ln2);
    int64_t r = (int64_t)((__int128)x * (1 << 30) - (__int128)k * LN2_Q62);
    const int64_t one = INT64_C(1) << 62;
    int64_t sum = one;
    for (int i = 13; i >= 1; i--) {
        sum = one + mul(sum, r, 62) / i;
    }
    int shift = 34 - k; /* Q66 to Q32; at least 2 */
    cp_assert(shift >= 2 && sum > 0);
    unsigned __int128 wide = (unsigned __int128)(uint64_t)sum << 4;
    wide = (wide + ((unsigned __int128)1 << (shift - 1))) >> shift;
    return wide > UINT64_MAX ? UINT64_MAX : (uint64_t)wide;
}

/* Floor of the square root. */
static uint64_t isqrt(uint64_t x)
{
    const uint64_t whole = x;
    uint64_t root = 0;
    for (uint64_t bit = UINT64_C(1) << 62; bit != 0; bit >>= 2) {
        uint64_t trial = root + bit;
        root >>= 1;
        if (x >= trial) {
            x -= trial;
            root += bit;
        }
    }
    cp_assert(root * root <= whole && whole - root * root <= 2 * root);
    return root;
}

/* c[0] + c[1] x + ..., x being Q of `shift`. */
static inline int64_t polynomial(const int64_t *c, size_t n, int64_t x, unsigned shift)
{
    int64_t sum = 0;
    for (size_t i = n; i-- > 0;) {
        sum = mul(sum, x, shift) + c[i];
    }
    return sum;
}

/* The middle: q = p - 1/2 in Q64, 0 <= q < 0.425; x = q N(q^2) / D(q^2).  Own rational fit,
 * off by less than 4e-10; coefficients in Q56. */
static int64_t normal_middle(uint64_t q)
{
    static const int64_t num[] = {
        INT64_C(180621602678636383), INT64_C(-1559470031244054422),
        INT64_C(4386790646113086546), INT64_C(-4271432557492601135),
        INT64_C(806666521164766128)};
    static const int64_t den[] = {INT64_C(72057594037927936), INT64_C(-697597054298822010),
                                  INT64_C(2314655149021938619),
                                  INT64_C(-2971813427831059753),
                                  INT64_C(1111073208220394523)};
    int64_t square = (int64_t)((unsigned __int128)q * q >> 66); /* Q62 */
    int64_t n = polynomial(num, G_N_ELEMENTS(num), square, 62);
    int64_t d = polynomial(den, G_N_ELEMENTS(den), square, 62);
    cp_assert(n > 0 && d > 0);
    int64_t qn = (int64_t)((unsigned __int128)q * (uint64_t)n >> 64);
    return (int64_t)(((__int128)qn << 32) / d);
}

/* The upper tail: the quantile at p <= 1/2 as a function of r = sqrt(-2 ln p): x = r - N(r)
 * / D(r). Own rational fit over 1.177 <= r <= 9.45 (p down to 2^-64), off by less than
 * 2e-10; coefficients in Q40, lowest power first. */
static int64_t normal_tail(int64_t r)
{
    static const int64_t num[] = {
        INT64_C(3973709320085),  INT64_C(33439862931708), INT64_C(45742508416266),
        INT64_C(10718012294549), INT64_C(431095801860),   INT64_C(620913499),
    };
    static const int64_t den[] = {
        INT64_C(1099511627776),  INT64_C(14605273093619), INT64_C(34564325514036),
        INT64_C(20959962786056), INT64_C(2934558884057),  INT64_C(76075919953),
    };
    int64_t n = polynomial(num, G_N_ELEMENTS(num), r, 32);
    int64_t d = polynomial(den, G_N_ELEMENTS(den), r, 32);
    cp_assert(d > 0);
    return r - (int64_t)(((__int128)n << 32) / d);
}

int64_t cp_fix_normal(uint64_t bits)
{
    bool is_upper = bits >> 63;
    uint64_t p = is_upper ? ~bits : bits; /* p / 2^64 in [0, 1/2) */
    int64_t x;
    if (p >= UINT64_C(1383505805528216371)) { /* 0.075 */
        x = normal_middle((UINT64_C(1) << 63) - 1 - p);
    } else {
        int64_t ln = LN_2_32 - cp_fix_ln(MAX(p, 1));
        x = normal_tail((int64_t)isqrt((uint64_t)ln << 25)
                        << 4); /* the root of Q56 is Q28 */
    }
    return is_upper ? x : -x;
}

/* --- sampling --- */

static int64_t cut(__int128 value)
{
    return value < 0 ? 0 : value > SAMPLE_MAX ? SAMPLE_MAX : (int64_t)value;
}

/* value * factor (Q32), rounded. */
static int64_t scale(int64_t value, uint64_t factor)
{
    cp_assert(value >= 0);
    return cut(((__int128)value * factor + (INT64_C(1) << 31)) >> 32);
}

/* -ln of a uniform number in (0, 1], Q32: the exponential distribution of mean 1. */
static int64_t exponential(uint64_t bits)
{
    return MAX(LN_2_32 - cp_fix_ln(MAX(bits, 1)), 0);
}

static int64_t ppm_to_q32(int64_t ppm)
{
    cp_assert(ppm >= 0);
    __int128 v = ((__int128)ppm << 32) / PPM;
    return (int64_t)MIN(v, (__int128)1 << 40); /* 256, beyond any use */
}

/* x (Q32) / (ppm / 10^6), within what cp_fix_exp tells apart. */
static int64_t divide_by_ppm(int64_t x, int64_t ppm)
{
    cp_assert(ppm > 0);
    __int128 v = (__int128)x * PPM / ppm;
    const __int128 bound = (__int128)1 << 40;
    return (int64_t)CLAMP(v, -bound, bound);
}

static int64_t sample_uniform(const CpDist *dist, uint64_t bits)
{
    cp_assert(dist->p[0] <= dist->p[1]);
    uint64_t width = (uint64_t)dist->p[1] - (uint64_t)dist->p[0] + 1;
    uint64_t offset = width == 0 ? bits : (uint64_t)((unsigned __int128)bits * width >> 64);
    return (int64_t)((uint64_t)dist->p[0] + offset);
}

static int64_t sample_normal(const CpDist *dist, uint64_t bits)
{
    __int128 spread = (__int128)dist->p[1] * cp_fix_normal(bits);
    return cut(dist->p[0] + ((spread + (INT64_C(1) << 31)) >> 32));
}

static int64_t sample_lognormal(const CpDist *dist, uint64_t bits)
{
    /* exp(mu + sigma z) with mu = ln(mean) - sigma^2 / 2. */
    __int128 sigma = ppm_to_q32(dist->p[1]);
    __int128 x = (sigma * cp_fix_normal(bits) - sigma * sigma / 2) >> 32;
    const __int128 bound = (__int128)1 << 40;
    return scale(dist->p[0], cp_fix_exp((int64_t)CLAMP(x, -bound, bound)));
}

static int64_t sample_pareto(const CpDist *dist, uint64_t bits)
{
    return scale(dist->p[0], cp_fix_exp(divide_by_ppm(exponential(bits), dist->p[1])));
}

static int64_t sample_weibull(const CpDist *dist, uint64_t bits)
{
    int64_t e = exponential(bits);
    if (e == 0) {
        return 0;
    }
    return scale(dist->p[0], cp_fix_exp(divide_by_ppm(cp_fix_ln((uint64_t)e), dist->p[1])));
}

static int64_t sample_choice(const CpDist *dist, const int64_t *table, uint64_t bits)
{
    cp_assert(table != NULL && dist->p[1] > 0);
    uint64_t i = (uint64_t)((unsigned __int128)bits * (uint64_t)dist->p[1] >> 64);
    return table[(uint64_t)dist->p[0] + i];
}

static int64_t sample_empirical(const CpDist *dist, const int64_t *table, uint64_t bits)
{
    cp_assert(table != NULL && dist->p[1] > 0);
    const int64_t *v = table + dist->p[0];
    unsigned __int128 place = (unsigned __int128)bits * (uint64_t)(dist->p[1] - 1);
    uint64_t i = (uint64_t)(place >> 64);
    if (dist->p[1] == 1) {
        return v[0];
    }
    cp_assert(i + 1 < (uint64_t)dist->p[1]);
    /* The fraction is Q32. */
    int64_t fraction = (int64_t)((uint64_t)place >> 32);
    return v[i] + (int64_t)((__int128)(v[i + 1] - v[i]) * fraction >> 32);
}

int64_t cp_dist_sample(const CpDist *dist, const int64_t *table, uint64_t bits)
{
    int64_t value = 0;
    switch ((CpDistKind)dist->kind) {
    case CP_DIST_CONST:
        value = dist->p[0];
        break;
    case CP_DIST_UNIFORM:
        value = sample_uniform(dist, bits);
        break;
    case CP_DIST_EXP:
        value = scale(dist->p[0], (uint64_t)exponential(bits));
        break;
    case CP_DIST_NORMAL:
        value = sample_normal(dist, bits);
        break;
    case CP_DIST_LOGNORMAL:
        value = sample_lognormal(dist, bits);
        break;
    case CP_DIST_PARETO:
        value = sample_pareto(dist, bits);
        break;
    case CP_DIST_WEIBULL:
        value = sample_weibull(dist, bits);
        break;
    case CP_DIST_CHOICE:
        value = sample_choice(dist, table, bits);
        break;
    case CP_DIST_EMPIRICAL:
        value = sample_empirical(dist, table, bits);
        break;
    }
    return MAX(value, 0);
}
