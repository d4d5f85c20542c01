import com.google.gson.Gson;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Comparator;
import java.util.Map;
import net.openhft.chronicle.bytes.Bytes;
import net.openhft.chronicle.bytes.SyncMode;
import net.openhft.chronicle.queue.ChronicleQueue;
import net.openhft.chronicle.queue.ExcerptAppender;
import net.openhft.chronicle.queue.ExcerptTailer;
import net.openhft.chronicle.queue.RollCycles;
import net.openhft.chronicle.queue.impl.single.SingleChronicleQueueBuilder;
import net.openhft.chronicle.wire.DocumentContext;

/** One round of Chronicle Queue. The only argument is a contest as JSON, the only output the figures of the round. */
public final class Round {
    private static final int EVENT_BYTES = 64;
    private static final int GROUP_EVENTS = 256;
    /** One of so many events comes before the clock starts, until the code is compiled. */
    private static final int WARM_UP_SHARE = 5;
    private static final long BLOCK_BYTES = 64L << 20;

    /** What to run, and how much of it. */
    private record Contest(String contest, String dir, int events) {}

    /** What a replay has seen. */
    private static final class Seen {
        long events;
        /** Of three fields of each. */
        long sum;

        void lookAt(Bytes<?> bytes) {
            for (; bytes.readRemaining() >= EVENT_BYTES; bytes.readSkip(EVENT_BYTES)) {
                long at = bytes.readPosition();
                events++;
                sum += bytes.readLong(at) + bytes.readLong(at + 8) + bytes.readLong(at + 16);
            }
        }
    }

    private Round() {}

    public static void main(String[] args) throws IOException {
        Gson gson = new Gson();
        Contest contest = gson.fromJson(args[0], Contest.class);
        Path dir = Path.of(contest.dir, "round");
        removeAll(dir);
        Files.createDirectories(dir);
        Map<String, Double> figures = contest.contest.equals("replay") ? replay(contest, dir) : append(contest, dir);
        removeAll(dir);
        System.out.println(gson.toJson(figures));
    }

    private static ChronicleQueue open(Path dir, SyncMode sync) {
        return SingleChronicleQueueBuilder.single(dir.toFile())
                .rollCycle(RollCycles.FAST_DAILY)
                .blockSize(BLOCK_BYTES)
                .syncMode(sync)
                .build();
    }

    private static Map<String, Double> append(Contest contest, Path dir) {
        boolean isDurable = !contest.contest.equals("append");
        int group = contest.contest.equals("commit") ? 1 : GROUP_EVENTS;
        int warmUp = contest.events / WARM_UP_SHARE / group + 1;
        double[] us = new double[contest.events / group];
        SyncMode sync = isDurable ? SyncMode.SYNC : SyncMode.NONE;
        try (ChronicleQueue queue = open(dir, sync); ExcerptAppender appender = queue.createAppender()) {
            for (int i = 0; i < warmUp; i++) write(appender, (long) i * group, group, isDurable);
            long start = System.nanoTime();
            for (int i = 0; i < us.length; i++) {
                long before = System.nanoTime();
                write(appender, (long) (warmUp + i) * group, group, isDurable);
                us[i] = (System.nanoTime() - before) / 1e3;
            }
            double ns = System.nanoTime() - start;
            Arrays.sort(us);
            return Map.of(
                    "nsPerEvent", ns / contest.events,
                    "eventsPerSecond", contest.events * 1e9 / ns,
                    "p50Us", us[us.length / 2],
                    "p99Us", us[(int) (us.length * 99L / 100)]);
        }
    }

    /** A document of so many events; their first eight bytes are the id. */
    private static void write(ExcerptAppender appender, long first, int count, boolean isDurable) {
        try (DocumentContext document = appender.writingDocument()) {
            Bytes<?> bytes = document.wire().bytes();
            for (long id = first + 1; id <= first + count; id++) {
                bytes.writeLong(id);
                bytes.writeLong(1_700_000_000_000L + id);
                bytes.writeLong(10_000 + id % 100);
                for (int i = 24; i < EVENT_BYTES; i += 8) bytes.writeLong(0);
            }
        }
        if (isDurable) appender.sync();
    }

    /** Keeps the events, then reads them twice: the first time pays for memory and for compiling. */
    private static Map<String, Double> replay(Contest contest, Path dir) {
        try (ChronicleQueue queue = open(dir, SyncMode.NONE); ExcerptAppender appender = queue.createAppender()) {
            for (int first = 0; first < contest.events; first += GROUP_EVENTS) {
                write(appender, first, Math.min(GROUP_EVENTS, contest.events - first), false);
            }
        }
        double ns = 0;
        for (int time = 0; time < 2; time++) {
            Seen seen = new Seen();
            long start = System.nanoTime();
            try (ChronicleQueue queue = open(dir, SyncMode.NONE); ExcerptTailer tailer = queue.createTailer()) {
                for (;;) {
                    try (DocumentContext document = tailer.readingDocument()) {
                        if (!document.isPresent()) break;
                        seen.lookAt(document.wire().bytes());
                    }
                }
            }
            ns = System.nanoTime() - start;
            if (seen.events != contest.events) throw new IllegalStateException(seen.events + " events were read");
        }
        return Map.of("eventsPerSecond", contest.events * 1e9 / ns);
    }

    private static void removeAll(Path dir) throws IOException {
        if (!Files.exists(dir)) return;
        try (var paths = Files.walk(dir)) {
            paths.sorted(Comparator.reverseOrder()).forEach(path -> {
                try {
                    Files.delete(path);
                } catch (IOException failure) {
                    throw new UncheckedIOException(failure);
                }
            });
        }
    }
}
