{{- define "parados.name" -}}
{{- .Release.Name | trunc 53 | trimSuffix "-" -}}-parados
{{- end -}}
{{- define "parados.selector" -}}
app.kubernetes.io/name: parados
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}
{{- define "parados.labels" -}}
{{ include "parados.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}
