import de.bwaldvogel.mongo.MongoServer;
import de.bwaldvogel.mongo.ServerVersion;
import de.bwaldvogel.mongo.backend.memory.MemoryBackend;

/** A MongoDB server that keeps everything in memory: java MongoEmulator.java PORT [changes]. */
class MongoEmulator {
    public static void main(String[] arguments) {
        MemoryBackend backend = new MemoryBackend();
        backend.version(ServerVersion.values()[ServerVersion.values().length - 1]);
        if (arguments.length > 1) {
            backend.enableOplog();  // for change streams
        }
        new MongoServer(backend).bind("127.0.0.1", Integer.parseInt(arguments[0]));
    }
}
