{{/* Name of the release's objects. A StatefulSet's name may have 52 characters, and `-transport` comes after this. */}}
{{- define "ferry.fullname" -}}
{{- if .Values.fullnameOverride }}{{ .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- else if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{/* Labels that pods are found by: (dict "root" $ "name" "transport"). */}}
{{- define "ferry.selector" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- with .name }}
app.kubernetes.io/component: {{ . }}
{{- end }}
{{- end }}

{{- define "ferry.labels" -}}
{{ include "ferry.selector" . }}
app.kubernetes.io/version: {{ .root.Values.image.tag | default .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "ferry.serviceAccountName" -}}
{{ .Values.serviceAccount.name | default (ternary (include "ferry.fullname" .) "default" .Values.serviceAccount.create) }}
{{- end }}

{{/* Services by name: where their values stand, and which shared settings they know. */}}
{{- define "ferry.services" -}}
transport: {values: transport, sections: [log, kafka, redis, reachability, provisioning, dtls]}
rpc-router: {values: rpcRouter, sections: [log, kafka, redis, provisioning]}
{{- if .Values.bootstrap.enabled }}
bootstrap: {values: bootstrap, sections: [log, kafka, redis, provisioning, bootstrapDtls]}
{{- end }}
{{- if .Values.console.enabled }}
console: {values: console, sections: [log, kafka, redis, api]}
{{- end }}
{{- end }}

{{/* Secrets by their name in the values: the setting that takes the path of their file. */}}
{{- define "ferry.secrets" -}}
kafkaSaslPassword: {section: kafka, setting: saslPasswordFile}
kafkaSslCa: {section: kafka, setting: sslCaLocation}
kafkaSslCertificate: {section: kafka, setting: sslCertificateLocation}
kafkaSslKey: {section: kafka, setting: sslKeyLocation}
kafkaSslKeyPassword: {section: kafka, setting: sslKeyPasswordFile}
redisPassword: {section: redis, setting: passwordFile}
redisTlsCa: {section: redis, setting: tlsCaLocation}
redisTlsCertificate: {section: redis, setting: tlsCertificateLocation}
redisTlsKey: {section: redis, setting: tlsKeyLocation}
provisioningSealingKey: {section: provisioning, setting: sealingKeyFile}
dtlsSealingKey: {section: dtls, setting: sealingKeyFile}
bootstrapDtlsSealingKey: {section: bootstrapDtls, setting: sealingKeyFile}
apiTokens: {section: api, setting: tokensFile}
{{- end }}

{{/* The secrets of (dict "root" $ "name" "transport") as the sources of a projected volume. */}}
{{- define "ferry.secretSources" -}}
{{- $service := get (include "ferry.services" .root | fromYaml) .name }}
{{- range $secret, $place := include "ferry.secrets" .root | fromYaml }}
{{- $given := get $.root.Values.secrets $secret }}
{{- if and $given (has $place.section $service.sections) }}
- secret:
    name: {{ $given.secretName | default (include "ferry.fullname" $.root) }}
    items: [{key: {{ $given.key | default (kebabcase $secret) }}, path: {{ kebabcase $secret }}}]
{{- end }}
{{- end }}
{{- end }}

{{/* The settings of (dict "root" $ "name" "transport"): shared ones, the chart's own, then the service's `config` over them. */}}
{{- define "ferry.config" -}}
{{- $service := get (include "ferry.services" .root | fromYaml) .name }}
{{- $config := dict }}
{{- range $section := $service.sections }}
{{- $_ := set $config $section (deepCopy (get $.root.Values $section | default dict)) }}
{{- end }}
{{- if ne .name "rpc-router" }}{{ $_ := set $config.kafka "topics" "verify" }}{{ end }}
{{- if eq .name "transport" }}
{{- $_ := set $config "node" (dict "slot" "ordinal") }}
{{- $_ := set $config.dtls "enabled" .root.Values.transport.dtls.enabled }}
{{- if .root.Values.transport.dtls.keysSecretName }}{{ $_ := set $config.dtls "keys" "/etc/ferry-dtls" }}{{ end }}
{{- end }}
{{- if eq .name "bootstrap" }}
{{- $_ := set $config.bootstrapDtls "enabled" .root.Values.bootstrap.dtls.enabled }}
{{- if .root.Values.bootstrap.dtls.keysSecretName }}{{ $_ := set $config.bootstrapDtls "keys" "/etc/ferry-dtls" }}{{ end }}
{{- end }}
{{- if eq .name "console" }}{{ $_ := set $config.api "host" "::" }}{{ end }}
{{- $config = mustMergeOverwrite $config (deepCopy (get .root.Values $service.values).config) }}
{{- range $secret, $place := include "ferry.secrets" .root | fromYaml }}
{{- if has $place.section $service.sections }}
{{- $settings := get $config $place.section }}
{{- $plain := trimSuffix "File" $place.setting }}
{{- if and (ne $plain $place.setting) (hasKey $settings $plain) }}
{{- fail (printf "%s.%s would be readable in a ConfigMap: use secrets.%s" $place.section $plain $secret) }}
{{- end }}
{{- if get $.root.Values.secrets $secret }}{{ $_ := set $settings $place.setting (printf "/etc/ferry/%s" (kebabcase $secret)) }}{{ end }}
{{- end }}
{{- end }}
{{- toYaml $config }}
{{- end }}

{{/* The pod template of (dict "root" $ "name" "transport" "ports" (list …)). */}}
{{- define "ferry.pod" -}}
{{- $service := get (include "ferry.services" .root | fromYaml) .name }}
{{- $values := get .root.Values $service.values }}
{{- $config := include "ferry.config" . }}
{{- $image := .root.Values.image -}}
metadata:
  annotations:
    # A pod reads its settings once, at the start. No digest of the secrets: a weak one could be guessed from it.
    checksum/config: {{ sha256sum $config }}
    {{- with $values.podAnnotations }}{{ toYaml . | nindent 4 }}{{ end }}
  labels:
    {{- include "ferry.labels" . | nindent 4 }}
    {{- with $values.podLabels }}{{ toYaml . | nindent 4 }}{{ end }}
spec:
  serviceAccountName: {{ include "ferry.serviceAccountName" .root }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ $values.terminationGracePeriodSeconds }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 65534
    runAsGroup: 65534
    fsGroup: 65534
    seccompProfile: {type: RuntimeDefault}
  {{- with .root.Values.imagePullSecrets }}
  imagePullSecrets: {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - name: {{ .name }}
      image: {{ list $image.registry $image.repository .name | compact | join "/" }}:{{ $image.tag | default .root.Chart.AppVersion }}
      imagePullPolicy: {{ $image.pullPolicy }}
      env:
        - {name: LWM2M_CONFIG, value: /etc/ferry/config.yaml}
        - {name: LWM2M_NODE_NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
        {{- with $values.extraEnv }}{{ toYaml . | nindent 8 }}{{ end }}
      ports:
        {{- with .ports }}{{ toYaml . | nindent 8 }}{{ end }}
        - {name: http, containerPort: {{ dig "http" "port" 9464 (fromYaml $config) | int }}, protocol: TCP}
      startupProbe: {httpGet: {path: /healthz, port: http}, periodSeconds: 1, failureThreshold: 60}
      livenessProbe: {httpGet: {path: /healthz, port: http}, periodSeconds: 10, timeoutSeconds: 3, failureThreshold: 3}
      readinessProbe: {httpGet: {path: /readyz, port: http}, periodSeconds: 5, timeoutSeconds: 3, failureThreshold: 2}
      resources: {{- toYaml $values.resources | nindent 8 }}
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities: {drop: [ALL]}
      volumeMounts:
        - {name: etc, mountPath: /etc/ferry, readOnly: true}
        {{- with dig "dtls" "keysSecretName" "" $values }}
        - {name: dtls-keys, mountPath: /etc/ferry-dtls, readOnly: true}
        {{- end }}
  volumes:
    - name: etc
      projected:
        defaultMode: 0440
        sources:
          - configMap: {name: {{ include "ferry.fullname" .root }}-{{ .name }}}
          {{- include "ferry.secretSources" . | nindent 10 }}
    {{- with dig "dtls" "keysSecretName" "" $values }}
    # As a whole, so that a change reaches the pod.
    - name: dtls-keys
      projected:
        defaultMode: 0440
        sources:
          - secret: {name: {{ . }}}
    {{- end }}
  {{- with $values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with $values.nodeSelector }}
  nodeSelector: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $values.tolerations }}
  tolerations: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $values.affinity }}
  affinity: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $values.topologySpreadConstraints }}
  topologySpreadConstraints:
    {{- range . }}
    - {{- toYaml (merge (dict "labelSelector" (dict "matchLabels" (include "ferry.selector" $ | fromYaml))) .) | nindent 6 }}
    {{- end }}
  {{- end }}
{{- end }}

{{/* The Service at which devices arrive, of (dict "root" $ "name" "transport"). */}}
{{- define "ferry.deviceService" -}}
{{- $values := get .root.Values .name -}}
# Where devices arrive.
apiVersion: v1
kind: Service
metadata:
  name: {{ include "ferry.fullname" .root }}-{{ .name }}
  labels: {{- include "ferry.labels" . | nindent 4 }}
  {{- with $values.service.annotations }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  {{- with $values.service }}
  type: {{ .type }}
  {{- if ne .type "ClusterIP" }}
  externalTrafficPolicy: {{ .externalTrafficPolicy }}
  {{- end }}
  {{- if eq .type "LoadBalancer" }}
  {{- with .loadBalancerClass }}
  loadBalancerClass: {{ . }}
  {{- end }}
  {{- with .loadBalancerSourceRanges }}
  loadBalancerSourceRanges: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- end }}
  ipFamilyPolicy: {{ .ipFamilyPolicy }}
  ports:
    - name: coap
      port: {{ .port }}
      targetPort: coap
      protocol: UDP
      {{- if and .nodePort (ne .type "ClusterIP") }}
      nodePort: {{ .nodePort }}
      {{- end }}
    {{- if $values.dtls.enabled }}
    - name: coaps
      port: {{ .dtlsPort }}
      targetPort: coaps
      protocol: UDP
      {{- if and .dtlsNodePort (ne .type "ClusterIP") }}
      nodePort: {{ .dtlsNodePort }}
      {{- end }}
    {{- end }}
  {{- end }}
  selector: {{- include "ferry.selector" . | nindent 4 }}
{{- end }}
