import de.bwaldvogel.mongo.MongoServer;
import de.bwaldvogel.mongo.ServerVersion;
import de.bwaldvogel.mongo.backend.memory.MemoryBackend;
import de.bwaldvogel.mongo.bson.Document;
import io.netty.channel.Channel;

/** A MongoDB server that keeps everything in memory: java MongoEmulator.java PORT [changes]. */
class MongoEmulator {
    static class Backend extends MemoryBackend {
        @Override
        public Document handleCommand(Channel channel, String database, String command, Document query) {
            Document answer = super.handleCommand(channel, database, command, query);
            if (answer.containsKey("maxWireVersion")) {
                answer.put("maxWireVersion", 9);  // it says 8 of its version 5; clients of today want 9
            }
            return answer;
        }
    }

    public static void main(String[] arguments) {
        Backend backend = new Backend();
        backend.version(ServerVersion.values()[ServerVersion.values().length - 1]);
        if (arguments.length > 1) {
            backend.enableOplog();  // for change streams
        }
        new MongoServer(backend).bind("127.0.0.1", Integer.parseInt(arguments[0]));
    }
}
