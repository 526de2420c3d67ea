package interop;

import java.util.Map;
import org.apache.rocketmq.acl.common.AclClientRPCHook;
import org.apache.rocketmq.acl.common.SessionCredentials;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.remoting.RPCHook;

/** What a broker with access control does not let pass. */
final class Refused {
    static void register(Map<String, Scenarios.Scenario> all) {
        all.put("refused", Refused::refused);
    }

    private static void refused(Lab lab) throws Exception {
        if (Lab.signer() == null) {
            return;
        }
        String accessKey = System.getProperty("interop.accessKey");
        lab.same("a signed send is taken", "SEND_OK", lab.producer("refused-signed").send(Lab.message("Allowed", "T", "x")).getSendStatus());
        attempt(lab, "a send without a signature is refused", null, "Allowed");
        attempt(lab, "a send with a wrong secret is refused", signer(accessKey, "not-the-secret"), "Allowed");
        attempt(lab, "a send of a stranger is refused", signer("nobody-known", "not-the-secret"), "Allowed");
        attempt(lab, "a send to a topic of others is refused", Lab.signer(), "Forbidden");
    }

    private static RPCHook signer(String accessKey, String secretKey) {
        return new AclClientRPCHook(new SessionCredentials(accessKey, secretKey));
    }

    private static void attempt(Lab lab, String what, RPCHook hook, String topic) throws Exception {
        DefaultMQProducer producer = new DefaultMQProducer("refused-" + what.hashCode(), hook);
        producer.setRetryTimesWhenSendFailed(0);
        lab.started(producer);
        lab.refused(what, "", () -> producer.send(Lab.message(topic, "T", "x")));
    }

    private Refused() {
    }
}
