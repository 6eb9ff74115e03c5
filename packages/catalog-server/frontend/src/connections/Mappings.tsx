import { useMutation, useQueryClient } from "@tanstack/react-query";
import { X } from "lucide-react";
import { useDeferredValue, useState } from "react";
import { Input, SearchField } from "react-aria-components";

import { detailOf, post, put, type Schemas } from "../api/client";
import { type MessageId, useLocale, useT } from "../i18n";
import { Button, Chips, ErrorBanner, IconButton, Table } from "../ui/kit";
import { tell } from "../ui/toasts";
import { type MappingRow, type MappingState, pathOf, useMappings, type Wanted } from "./data";
import { TargetPicker } from "./TargetPicker";

/** Records that the server takes at once. */
const MOST = 500;
const STATES: readonly MappingState[] = ["all", "unmapped", "mapped"];

/** What records over there are here, said row by row. */
export function Mappings({
  provider,
  kind,
  name,
}: {
  provider: string;
  kind: Schemas["MappingKindAnswer"];
  name: string;
}) {
  const t = useT();
  const { intl } = useLocale();
  const queries = useQueryClient();
  const [search, setSearch] = useState("");
  const [state, setState] = useState<MappingState>("all");
  const searched = useDeferredValue(search.trim());
  const mappings = useMappings(provider, kind.key, searched, state);
  const path = `${pathOf(provider)}/mappings/${encodeURIComponent(kind.key)}`;
  const refresh = useMutation({
    mutationFn: () => post<Schemas["Refreshed"]>(`${path}/refresh`),
    onSuccess: ({ total }) => tell(t("connections.mappings.refreshed", { count: total })),
    onError: (error) => tell(detailOf(error)),
    onSettled: () => forget(),
  });
  const save = useMutation({
    mutationFn: (wanted: Wanted[]) => put<Schemas["PutMappingsAnswer"]>(path, { mappings: wanted }),
    onSettled: () => forget(),
  });
  const forget = () =>
    Promise.all(
      ["mappings", "integration", "targets"].map((each) => queries.invalidateQueries({ queryKey: [each, provider] })),
    );
  const rows = mappings.data?.pages.flatMap((page) => page.mappings) ?? [];
  const refreshedAt = mappings.data?.pages[0]?.refreshedAt;
  const suggested = rows.filter((row) => row.suggestion !== null);
  const isSaved = (row: MappingRow) => save.isPending && save.variables.some((each) => each.externalId === row.externalId);
  return (
    <section aria-label={kind.label}>
      <div className="section-head">
        <h2 className="section-title">{kind.label}</h2>
        <span className="muted" role="status">
          {t("connections.mappings.count", { mapped: kind.mapped, total: kind.total })}
        </span>
        <div className="section-tools">
          {suggested.length > 0 ? (
            <Button
              isDisabled={save.isPending}
              onPress={() => save.mutate(suggested.slice(0, MOST).map((row) => ({ externalId: row.externalId, id: row.suggestion?.id })))}
            >
              {t("connections.mappings.acceptAll", { count: suggested.length })}
            </Button>
          ) : null}
          <Button isDisabled={refresh.isPending} onPress={() => refresh.mutate()}>
            {t(refresh.isPending ? "connections.mappings.refreshing" : "connections.mappings.refresh")}
          </Button>
        </div>
      </div>
      <p className="muted">
        {kind.description}{" "}
        {refreshedAt
          ? t("connections.mappings.readAt", {
              name,
              at: intl.formatDate(refreshedAt, { dateStyle: "medium", timeStyle: "short" }),
            })
          : t("connections.mappings.neverRead", { name })}
      </p>
      {save.error ? <ErrorBanner>{detailOf(save.error)}</ErrorBanner> : null}
      <div className="mapping-filter">
        <SearchField aria-label={t("connections.mappings.search")} value={search} onChange={setSearch}>
          <Input className="input" placeholder={t("connections.mappings.search")} />
        </SearchField>
        <Chips
          label={t("connections.mappings.state")}
          choices={STATES}
          chosen={state}
          nameOf={(each) => t(`connections.mappings.state.${each}` as MessageId)}
          onChoose={setState}
        />
      </div>
      {mappings.error && mappings.data === undefined ? (
        <ErrorBanner>{detailOf(mappings.error)}</ErrorBanner>
      ) : rows.length === 0 ? (
        <p className="muted">{mappings.isPending ? "" : t("connections.mappings.none")}</p>
      ) : (
        <Table columns={[t("connections.mappings.there", { name }), t("connections.mappings.here"), null]}>
          {rows.map((row) => (
            <Row
              key={row.externalId}
              row={row}
              provider={provider}
              kind={kind.key}
              isSaved={isSaved(row)}
              onMap={(to) => save.mutate([{ externalId: row.externalId, ...to }])}
            />
          ))}
        </Table>
      )}
      {mappings.hasNextPage ? (
        <Button isDisabled={mappings.isFetchingNextPage} onPress={() => void mappings.fetchNextPage()}>
          {t("connections.mappings.more")}
        </Button>
      ) : null}
    </section>
  );
}

function Row({
  row,
  provider,
  kind,
  isSaved,
  onMap,
}: {
  row: MappingRow;
  provider: string;
  kind: string;
  isSaved: boolean;
  onMap: (to: { id?: string; create?: string }) => void;
}) {
  const t = useT();
  const name = row.name ?? row.externalId;
  return (
    <tr>
      <th scope="row">{name}</th>
      <td>
        <TargetPicker provider={provider} kind={kind} row={row} isDisabled={isSaved} onMap={onMap} />
      </td>
      <td className="table-tools">
        {row.mappedTo ? (
          <IconButton
            label={t("connections.mappings.clear", { name })}
            isDisabled={isSaved}
            onPress={() => onMap({})}
          >
            <X size={16} aria-hidden />
          </IconButton>
        ) : row.suggestion ? (
          <Button kind="quiet" isDisabled={isSaved} onPress={() => onMap({ id: row.suggestion?.id })}>
            {t("connections.mappings.accept", { name: row.suggestion.name })}
          </Button>
        ) : null}
      </td>
    </tr>
  );
}
