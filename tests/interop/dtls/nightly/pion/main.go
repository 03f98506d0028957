// A DTLS client on pion: sends the lines of its standard input and writes what comes back.
//
//	pion -port PORT -suite NUMBER -identity NAME -key HEX [-cid BYTES] [-mtu BYTES]
//	pion -port PORT -suite NUMBER -certificate FILE -private-key FILE -trusted FILE
//
// -cid -1 is for no Connection ID; -resumes ends the first association and resumes its session.
package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"flag"
	"fmt"
	"log"
	"net"
	"os"
	"time"

	"github.com/pion/dtls/v3"
)

const (
	handshakeTimeout = 60 * time.Second
	maxAnswerBytes   = 2048
)

// sessions keeps the one session that is resumed.
type sessions struct{ last dtls.Session }

func (s *sessions) Set(_ []byte, session dtls.Session) error { s.last = session; return nil }
func (s *sessions) Get([]byte) (dtls.Session, error)         { return s.last, nil }
func (s *sessions) Del([]byte) error                         { s.last = dtls.Session{}; return nil }

func main() {
	port := flag.Int("port", 0, "of the server, on 127.0.0.1")
	suite := flag.Uint("suite", 0, "cipher suite, IANA number")
	identity := flag.String("identity", "", "PSK identity")
	key := flag.String("key", "", "PSK in hex")
	certificate := flag.String("certificate", "", "PEM file")
	privateKey := flag.String("private-key", "", "PEM file")
	trusted := flag.String("trusted", "", "PEM file")
	cid := flag.Int("cid", -1, "length of the Connection ID in records to us")
	mtu := flag.Int("mtu", 1200, "largest datagram")
	resumes := flag.Bool("resumes", false, "resume a session")
	flag.Parse()

	// Without ServerName: pion refuses a ServerHello that acknowledges it with the empty extension of RFC 6066 §3.
	config := &dtls.Config{
		CipherSuites:         []dtls.CipherSuiteID{dtls.CipherSuiteID(*suite)},
		ExtendedMasterSecret: dtls.RequireExtendedMasterSecret,
		MTU:                  *mtu,
	}
	if *certificate == "" {
		psk, err := hex.DecodeString(*key)
		must(err)
		config.PSK = func([]byte) ([]byte, error) { return psk, nil }
		config.PSKIdentityHint = []byte(*identity)
	} else {
		own, err := tls.LoadX509KeyPair(*certificate, *privateKey)
		must(err)
		ca, err := os.ReadFile(*trusted)
		must(err)
		config.Certificates = []tls.Certificate{own}
		config.RootCAs = x509.NewCertPool()
		config.RootCAs.AppendCertsFromPEM(ca)
	}
	switch {
	case *cid == 0:
		config.ConnectionIDGenerator = dtls.OnlySendCIDGenerator()
	case *cid > 0:
		config.ConnectionIDGenerator = dtls.RandomCIDGenerator(*cid)
	}
	if *resumes {
		config.SessionStore = &sessions{}
		must(connect(*port, config).Close())
	}
	conn := connect(*port, config)
	go func() {
		answer := make([]byte, maxAnswerBytes)
		for {
			length, err := conn.Read(answer)
			must(err)
			fmt.Println(string(answer[:length]))
		}
	}()
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		_, err := conn.Write(lines.Bytes())
		must(err)
	}
	must(conn.Close())
}

func connect(port int, config *dtls.Config) *dtls.Conn {
	server := &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port}
	socket, err := net.ListenUDP("udp4", nil)
	must(err)
	conn, err := dtls.Client(socket, server, config)
	must(err)
	ctx, cancel := context.WithTimeout(context.Background(), handshakeTimeout)
	defer cancel()
	must(conn.HandshakeContext(ctx))
	return conn
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
