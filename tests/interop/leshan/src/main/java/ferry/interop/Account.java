package ferry.interop;

import org.eclipse.leshan.client.object.Security;
import org.eclipse.leshan.core.request.ContentFormat;

/**
 * The one account that a client leaves the factory with: that of an LwM2M server, or of the bootstrap server that gives it the others.
 *
 * @param preferred      Content-Format that the bootstrap server is asked for; null: none
 * @param unnamedServers its Bootstrap-Discover is told no short server ids of Server Object Instances
 * @param credential     null: in the clear
 */
record Account(String uri, boolean isBootstrap, ContentFormat preferred, boolean unnamedServers, Credential credential) {
    /** Instance of the Security Object. */
    Security security(int shortServerId, String endpoint) {
        if (credential != null)
            return isBootstrap ? credential.bootstrap(uri, endpoint) : credential.security(uri, shortServerId, endpoint);
        return isBootstrap ? Security.noSecBootstrap(uri) : Security.noSec(uri, shortServerId);
    }

    /** Length of the Connection ID in records to the client; -1: none is offered. */
    int cidBytes() {
        return credential == null ? -1 : credential.cidBytes();
    }
}
