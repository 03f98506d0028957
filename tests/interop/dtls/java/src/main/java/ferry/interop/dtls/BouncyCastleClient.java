package ferry.interop.dtls;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.net.DatagramSocket;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.SecureRandom;
import java.util.Arrays;
import java.util.Map;
import java.util.concurrent.TimeUnit;

import org.bouncycastle.asn1.x509.SubjectPublicKeyInfo;
import org.bouncycastle.crypto.util.PrivateKeyFactory;
import org.bouncycastle.tls.AlertDescription;
import org.bouncycastle.tls.BasicTlsPSKIdentity;
import org.bouncycastle.tls.Certificate;
import org.bouncycastle.tls.CertificateEntry;
import org.bouncycastle.tls.CertificateRequest;
import org.bouncycastle.tls.CertificateType;
import org.bouncycastle.tls.CipherSuite;
import org.bouncycastle.tls.DTLSClientProtocol;
import org.bouncycastle.tls.DTLSTransport;
import org.bouncycastle.tls.DefaultTlsClient;
import org.bouncycastle.tls.HashAlgorithm;
import org.bouncycastle.tls.ProtocolVersion;
import org.bouncycastle.tls.SignatureAlgorithm;
import org.bouncycastle.tls.SignatureAndHashAlgorithm;
import org.bouncycastle.tls.TlsAuthentication;
import org.bouncycastle.tls.TlsClient;
import org.bouncycastle.tls.TlsCredentials;
import org.bouncycastle.tls.TlsFatalAlert;
import org.bouncycastle.tls.TlsServerCertificate;
import org.bouncycastle.tls.TlsPSKIdentity;
import org.bouncycastle.tls.TlsSession;
import org.bouncycastle.tls.UDPTransport;
import org.bouncycastle.tls.crypto.TlsCertificate;
import org.bouncycastle.tls.crypto.TlsCryptoParameters;
import org.bouncycastle.tls.crypto.impl.bc.BcDefaultTlsCredentialedSigner;
import org.bouncycastle.tls.crypto.impl.bc.BcTlsCertificate;
import org.bouncycastle.tls.crypto.impl.bc.BcTlsCrypto;
import org.bouncycastle.tls.crypto.impl.bc.BcTlsRawKeyCertificate;

/** Bouncy Castle's low-level TLS API. */
final class BouncyCastleClient implements Client {
    private static final int REPEAT_MS = 1000;
    private static final int HANDSHAKE_TIMEOUT_MS = 60_000;
    private static final int MAX_RECEIVED_BYTES = 1500;
    private static final Map<String, Integer> SUITES = Map.of(
            "TLS_PSK_WITH_AES_128_CCM_8", CipherSuite.TLS_PSK_WITH_AES_128_CCM_8,
            "TLS_PSK_WITH_AES_128_GCM_SHA256", CipherSuite.TLS_PSK_WITH_AES_128_GCM_SHA256,
            "TLS_PSK_WITH_AES_128_CBC_SHA256", CipherSuite.TLS_PSK_WITH_AES_128_CBC_SHA256,
            "TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8", CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8,
            "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256);

    private final BcTlsCrypto crypto = new BcTlsCrypto(new SecureRandom());
    private final Task task;
    private DatagramSocket socket;
    private DTLSTransport transport;
    private TlsSession session;
    private boolean resuming;
    private volatile boolean closed;

    BouncyCastleClient(Task task) {
        this.task = task;
    }

    @Override
    public synchronized void exchange(String text, long patienceMs) throws Exception {
        long deadline = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(patienceMs);
        if (transport == null) {
            socket = new DatagramSocket();
            socket.connect(task.server());
            transport = new DTLSClientProtocol().connect(client(), new UDPTransport(socket, MAX_RECEIVED_BYTES) {
                @Override
                public int getSendLimit() {
                    return task.maxDatagramBytes();
                }
            });
        }
        byte[] sent = text.getBytes(StandardCharsets.UTF_8);
        byte[] answer = new byte[MAX_RECEIVED_BYTES];
        while (System.nanoTime() < deadline && !closed) {
            transport.send(sent, 0, sent.length);
            long until = Math.min(deadline, System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(REPEAT_MS));
            for (long leftMs; (leftMs = TimeUnit.NANOSECONDS.toMillis(until - System.nanoTime())) > 0;) {
                int length;
                try {
                    length = transport.receive(answer, 0, answer.length, (int) leftMs);
                } catch (InterruptedIOException e) {
                    break;
                }
                if (length >= 0 && Arrays.equals(sent, Arrays.copyOf(answer, length)))
                    return;
            }
        }
        throw new IllegalStateException(closed ? "closed" : "no answer within " + patienceMs + " ms");
    }

    @Override
    public synchronized void resume() throws IOException {
        transport.close();
        transport = null;
        resuming = true;
    }

    /** Not synchronized: an exchange may be waiting for the socket. */
    @Override
    public void close() throws IOException {
        closed = true;
        DTLSTransport open = transport;
        if (open != null)
            open.close();
        if (socket != null)
            socket.close();
    }

    private TlsClient client() {
        boolean isPsk = task.credential().equals("PSK");
        short[] types = { task.credential().equals("RPK") ? CertificateType.RawPublicKey : CertificateType.X509 };
        return new DefaultTlsClient(crypto) {
            @Override
            public TlsPSKIdentity getPSKIdentity() {
                return isPsk ? new BasicTlsPSKIdentity(task.pskIdentity().getBytes(StandardCharsets.UTF_8), task.pskKey()) : null;
            }

            @Override
            protected int[] getSupportedCipherSuites() {
                return new int[] { SUITES.get(task.suite()) };
            }

            @Override
            protected ProtocolVersion[] getSupportedVersions() {
                return ProtocolVersion.DTLSv12.only();
            }

            @Override
            protected byte[] getNewConnectionID() {
                return newCid();
            }

            @Override
            protected short[] getAllowedServerCertificateTypes() {
                return isPsk ? null : types;
            }

            @Override
            protected short[] getAllowedClientCertificateTypes() {
                return isPsk ? null : types;
            }

            @Override
            public int getHandshakeTimeoutMillis() {
                return HANDSHAKE_TIMEOUT_MS;
            }

            @Override
            public TlsSession getSessionToResume() {
                return resuming ? session : null;
            }

            @Override
            public void notifyHandshakeComplete() throws IOException {
                super.notifyHandshakeComplete();
                session = context.getResumableSession();
            }

            @Override
            public TlsAuthentication getAuthentication() {
                return new TlsAuthentication() {
                    @Override
                    public void notifyServerCertificate(TlsServerCertificate server) throws IOException {
                        verify(server.getCertificate());
                    }

                    @Override
                    public TlsCredentials getClientCredentials(CertificateRequest request) throws IOException {
                        return new BcDefaultTlsCredentialedSigner(new TlsCryptoParameters(context), crypto,
                                PrivateKeyFactory.createKey(Pem.der(task.privateKey())), ownCertificate(types[0]),
                                new SignatureAndHashAlgorithm(HashAlgorithm.sha256, SignatureAlgorithm.ecdsa));
                    }
                };
            }
        };
    }

    private byte[] newCid() {
        if (task.cidBytes() < 0)
            return null;
        byte[] cid = new byte[task.cidBytes()];
        new SecureRandom().nextBytes(cid);
        return cid;
    }

    private Certificate ownCertificate(short type) throws IOException {
        byte[] der = Pem.der(task.certificate());
        TlsCertificate own = type == CertificateType.RawPublicKey
                ? new BcTlsRawKeyCertificate(crypto, SubjectPublicKeyInfo.getInstance(der))
                : new BcTlsCertificate(crypto, der);
        return new Certificate(type, null, new CertificateEntry[] { new CertificateEntry(own, null) });
    }

    /** The library leaves it to the application: a certificate that the CA signed, or the very key. */
    private void verify(Certificate server) throws IOException {
        TlsCertificate peer = server.getCertificateAt(0);
        if (server.getCertificateType() == CertificateType.RawPublicKey) {
            if (!Arrays.equals(peer.getEncoded(), Pem.der(task.trusted())))
                throw new TlsFatalAlert(AlertDescription.bad_certificate);
            return;
        }
        try {
            var certificate = (java.security.cert.X509Certificate) java.security.cert.CertificateFactory
                    .getInstance("X.509").generateCertificate(new java.io.ByteArrayInputStream(peer.getEncoded()));
            certificate.checkValidity();
            certificate.verify(Pem.certificate(task.trusted()).getPublicKey());
        } catch (GeneralSecurityException e) {
            throw new TlsFatalAlert(AlertDescription.unknown_ca, e);
        }
    }
}
