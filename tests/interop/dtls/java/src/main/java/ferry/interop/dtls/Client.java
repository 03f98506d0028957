package ferry.interop.dtls;

/** One DTLS client of some library. */
interface Client {
    /** Sends a text again and again until it comes back, connecting first where that is needed. Fails after `patienceMs`. */
    void exchange(String text, long patienceMs) throws Exception;

    /** Has the next exchange begin with a handshake that resumes the session. */
    void resume() throws Exception;

    /** Ends the association; an exchange under way fails. */
    void close() throws Exception;
}
