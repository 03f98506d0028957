package ferry.interop.dtls;

import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.security.cert.X509Certificate;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

import org.eclipse.californium.elements.AddressEndpointContext;
import org.eclipse.californium.elements.EndpointContext;
import org.eclipse.californium.elements.MessageCallback;
import org.eclipse.californium.elements.RawData;
import org.eclipse.californium.elements.auth.RawPublicKeyIdentity;
import org.eclipse.californium.elements.config.Configuration;
import org.eclipse.californium.scandium.DTLSConnector;
import org.eclipse.californium.scandium.config.DtlsConfig;
import org.eclipse.californium.scandium.config.DtlsConnectorConfig;
import org.eclipse.californium.scandium.dtls.CertificateType;
import org.eclipse.californium.scandium.dtls.cipher.CipherSuite;
import org.eclipse.californium.scandium.dtls.pskstore.SinglePskStore;
import org.eclipse.californium.scandium.dtls.x509.SingleCertificateProvider;
import org.eclipse.californium.scandium.dtls.x509.StaticCertificateVerifier;

/** Californium's DTLS. */
final class ScandiumClient implements Client {
    private static final long REPEAT_MS = 1000;

    private final Task task;
    private final DTLSConnector connector;
    private final BlockingQueue<String> received = new LinkedBlockingQueue<>();
    /** Why the library gave up, as an answer that nobody sends. */
    private volatile String failure;

    ScandiumClient(Task task) throws Exception {
        this.task = task;
        DtlsConfig.register();
        Configuration configuration = new Configuration();
        configuration.set(DtlsConfig.DTLS_ROLE, DtlsConfig.DtlsRole.CLIENT_ONLY);
        configuration.set(DtlsConfig.DTLS_RECOMMENDED_CIPHER_SUITES_ONLY, false);
        configuration.set(DtlsConfig.DTLS_CIPHER_SUITES, List.of(CipherSuite.getTypeByName(task.suite())));
        // Of a certificate for an address of the loopback interface it takes no subject.
        configuration.set(DtlsConfig.DTLS_VERIFY_SERVER_CERTIFICATES_SUBJECT, false);
        configuration.set(DtlsConfig.DTLS_MAX_TRANSMISSION_UNIT, task.maxDatagramBytes() + 28); // IPv4 and UDP headers.
        configuration.set(DtlsConfig.DTLS_RECEIVER_THREAD_COUNT, 1);
        configuration.set(DtlsConfig.DTLS_CONNECTOR_THREAD_COUNT, 1);
        configuration.set(DtlsConfig.DTLS_MAX_RETRANSMISSIONS, 8);
        configuration.set(DtlsConfig.DTLS_RETRANSMISSION_TIMEOUT, 1, TimeUnit.SECONDS);
        configuration.set(DtlsConfig.DTLS_MAX_RETRANSMISSION_TIMEOUT, 4, TimeUnit.SECONDS);
        configuration.set(DtlsConfig.DTLS_CONNECTION_ID_LENGTH, Math.max(task.cidBytes(), -1)); // -1: none.
        var builder = DtlsConnectorConfig.builder(configuration)
                .setAddress(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
        switch (task.credential()) {
        case "PSK" -> builder.setPskStore(new SinglePskStore(task.pskIdentity(), task.pskKey()));
        case "X509" -> builder
                .setCertificateIdentityProvider(new SingleCertificateProvider(Pem.privateKey(task.privateKey()),
                        new X509Certificate[] { Pem.certificate(task.certificate()) }, CertificateType.X_509))
                .setCertificateVerifier(StaticCertificateVerifier.builder()
                        .setTrustedCertificates(Pem.certificate(task.trusted())).build());
        case "RPK" -> builder
                .setCertificateIdentityProvider(new SingleCertificateProvider(Pem.privateKey(task.privateKey()),
                        Pem.publicKey(task.certificate())))
                .setCertificateVerifier(StaticCertificateVerifier.builder()
                        .setTrustedRPKs(new RawPublicKeyIdentity(Pem.publicKey(task.trusted()))).build());
        default -> throw new IllegalArgumentException("no credential " + task.credential());
        }
        connector = new DTLSConnector(builder.build());
        connector.setRawDataReceiver(data -> received.add(new String(data.getBytes(), StandardCharsets.UTF_8)));
        connector.start();
    }

    @Override
    public void exchange(String text, long patienceMs) throws Exception {
        long deadline = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(patienceMs);
        failure = null;
        while (System.nanoTime() < deadline) {
            connector.send(RawData.outbound(text.getBytes(StandardCharsets.UTF_8),
                    new AddressEndpointContext(task.server()), new Callback(), false));
            long until = Math.min(deadline, System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(REPEAT_MS));
            for (long left; (left = until - System.nanoTime()) > 0 && failure == null;) {
                String answer = received.poll(Math.min(left, 20_000_000L), TimeUnit.NANOSECONDS);
                if (text.equals(answer))
                    return;
            }
            if (failure != null)
                throw new IllegalStateException(failure);
        }
        throw new IllegalStateException("no answer within " + patienceMs + " ms");
    }

    @Override
    public void resume() {
        connector.forceResumeAllSessions();
    }

    @Override
    public void close() {
        failure = "closed";
        connector.destroy();
    }

    private final class Callback implements MessageCallback {
        @Override
        public void onConnecting() {
        }

        @Override
        public void onDtlsRetransmission(int flight) {
        }

        @Override
        public void onContextEstablished(EndpointContext context) {
        }

        @Override
        public void onSent() {
        }

        @Override
        public void onError(Throwable error) {
            failure = String.valueOf(error);
        }
    }
}
