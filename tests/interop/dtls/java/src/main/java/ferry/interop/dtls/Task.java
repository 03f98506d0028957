package ferry.interop.dtls;

import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.HexFormat;

import com.fasterxml.jackson.databind.JsonNode;

/**
 * What a client is to connect with, from JSON.
 *
 * @param suite            name in IANA's registry: `TLS_PSK_WITH_AES_128_CCM_8`
 * @param credential       `PSK`, `RPK` or `X509`, for both sides
 * @param pskIdentity      with PSK
 * @param pskKey           with PSK
 * @param certificate      PEM file of its own certificate, or of its public key
 * @param privateKey       PEM file, PKCS #8
 * @param trusted          PEM file of the CA that it trusts, or of the server's public key
 * @param cidBytes         length of the Connection ID that it wants in records to it; negative: it offers none
 * @param maxDatagramBytes largest datagram that it sends
 */
record Task(InetSocketAddress server, String suite, String credential, String pskIdentity, byte[] pskKey,
        String certificate, String privateKey, String trusted, int cidBytes, int maxDatagramBytes) {

    static Task of(JsonNode json) {
        return new Task(new InetSocketAddress(InetAddress.getLoopbackAddress(), json.path("port").asInt()),
                json.path("suite").asText(), json.path("credential").asText(), json.path("pskIdentity").asText(),
                HexFormat.of().parseHex(json.path("pskKey").asText()), json.path("certificate").asText(),
                json.path("privateKey").asText(), json.path("trusted").asText(), json.path("cidBytes").asInt(-1),
                json.path("maxDatagramBytes").asInt(1200));
    }
}
