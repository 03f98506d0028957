package ferry.interop;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.HexFormat;
import java.util.Map;

import org.eclipse.leshan.client.object.Security;

/**
 * How a client proves who it is behind DTLS, and whom it believes.
 *
 * @param own        public key (RPK) or certificate (X509), DER; the PSK identity, null: the endpoint name
 * @param secret     pre-shared key, or private key as PKCS #8, DER
 * @param server     public key or certificate of the server, DER; null with PSK
 * @param cidBytes   length of the Connection ID in records to the client; -1: none is offered
 */
record Credential(Mode mode, byte[] own, byte[] secret, byte[] server, int cidBytes) {
    enum Mode {
        PSK, RPK, X509
    }

    /** From `--psk-key` and `--psk-identity`, or `--public-key` or `--certificate` with `--private-key` and `--server-key`, and `--cid-bytes`; null where there is none. */
    static Credential of(Map<String, String> options) throws IOException {
        int cidBytes = Integer.parseInt(options.getOrDefault("cid-bytes", "-1"));
        if (options.containsKey("psk-key"))
            return new Credential(Mode.PSK, identity(options), HexFormat.of().parseHex(options.get("psk-key")), null, cidBytes);
        if (!options.containsKey("private-key"))
            return null;
        Mode mode = options.containsKey("public-key") ? Mode.RPK : Mode.X509;
        return new Credential(mode, der(options.get(mode == Mode.RPK ? "public-key" : "certificate")),
                der(options.get("private-key")), der(options.get("server-key")), cidBytes);
    }

    /** Instance of the Security Object; a certificate of the server is pinned (certificate usage 3). */
    Security security(String serverUri, int shortServerId, String endpoint) {
        return switch (mode) {
        case PSK -> Security.psk(serverUri, shortServerId, identity(endpoint), secret);
        case RPK -> Security.rpk(serverUri, shortServerId, own, secret, server);
        case X509 -> Security.x509(serverUri, shortServerId, own, secret, server);
        };
    }

    /** The same for the account of a bootstrap server. */
    Security bootstrap(String serverUri, String endpoint) {
        return switch (mode) {
        case PSK -> Security.pskBootstrap(serverUri, identity(endpoint), secret);
        case RPK -> Security.rpkBootstrap(serverUri, own, secret, server);
        case X509 -> Security.x509Bootstrap(serverUri, own, secret, server);
        };
    }

    private byte[] identity(String endpoint) {
        return own == null ? endpoint.getBytes(StandardCharsets.UTF_8) : own;
    }

    private static byte[] identity(Map<String, String> options) {
        String identity = options.get("psk-identity");
        return identity == null ? null : identity.getBytes(StandardCharsets.UTF_8);
    }

    private static byte[] der(String pemFile) throws IOException {
        return Base64.getDecoder().decode(Files.readString(Path.of(pemFile)).replaceAll("-----[^-]+-----|\\s", ""));
    }
}
