package ferry.interop;

import org.eclipse.leshan.client.request.UplinkRequestSender;
import org.eclipse.leshan.client.servers.LwM2mServer;
import org.eclipse.leshan.core.LwM2m.LwM2mVersion;
import org.eclipse.leshan.core.request.RegisterRequest;
import org.eclipse.leshan.core.request.UplinkRequest;
import org.eclipse.leshan.core.response.ErrorCallback;
import org.eclipse.leshan.core.response.LwM2mResponse;
import org.eclipse.leshan.core.response.ResponseCallback;

/** Has a client register with LwM2M 1.0: Leshan's engine names the newest version that it knows, whatever its objects are. */
record OldVersion(UplinkRequestSender sender) implements UplinkRequestSender {
    @Override
    public <T extends LwM2mResponse> T send(LwM2mServer server, UplinkRequest<T> request, long timeoutMs)
            throws InterruptedException {
        return sender.send(server, aged(request), timeoutMs);
    }

    @Override
    public <T extends LwM2mResponse> void send(LwM2mServer server, UplinkRequest<T> request, long timeoutMs,
            ResponseCallback<T> onResponse, ErrorCallback onError) {
        sender.send(server, aged(request), timeoutMs, onResponse, onError);
    }

    @SuppressWarnings("unchecked") // A Register takes the place of a Register.
    private static <T extends LwM2mResponse> UplinkRequest<T> aged(UplinkRequest<T> request) {
        if (!(request instanceof RegisterRequest register))
            return request;
        // Queue mode is in the binding there, and no parameter (OMA LwM2M Core 1.0.2 §5.3.1).
        return (UplinkRequest<T>) (UplinkRequest<?>) new RegisterRequest(register.getEndpointName(),
                register.getLifetime(), LwM2mVersion.V1_0.toString(), register.getBindingMode(), null,
                register.getSmsNumber(), register.getObjectLinks(), register.getAdditionalAttributes());
    }
}
