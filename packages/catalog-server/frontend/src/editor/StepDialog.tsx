import { useDeferredValue, useMemo, useState } from "react";
import {
  Autocomplete,
  Collection,
  Header,
  Input,
  ListBox,
  ListBoxItem,
  ListBoxSection,
  SearchField,
} from "react-aria-components";

import { useT } from "../i18n";
import { ModuleIcon, TypeIcon } from "../ui/icons";
import { useShared } from "./context";
import { ModalDialog } from "./kit";
import { bySection, type Offer, offers, SECTIONS, usePalette } from "./offer";
import { EffectBadge } from "./tiles";

/** As many as anybody reads, of all and of a search's answer; more words find the rest. */
const SHOWN = 24;
const FOUND = 16;

interface Choice {
  id: string;
  offer: Offer;
  icon: React.ReactNode;
  description: string;
  detail?: string;
  badge?: React.ReactNode;
}

/** Asks what to add, by a search over everything that there is. */
export function StepDialog({ onChoose, onClose }: { onChoose: (offer: Offer) => void; onClose: () => void }) {
  const t = useT();
  return (
    <ModalDialog
      title={t("editor.add.title")}
      isOpen
      onClose={onClose}
      closeLabel={t("editor.close")}
      className="ed-step-dialog"
    >
      <Choices onChoose={onChoose} />
    </ModalDialog>
  );
}

function Choices({ onChoose }: { onChoose: (offer: Offer) => void }) {
  const t = useT();
  const { actions } = useShared();
  const palette = usePalette();
  const [query, setQuery] = useState("");
  // The dialog is there at once, and its list follows.
  const isOpen = useDeferredValue(true, false);
  const { sections, byId, more } = useMemo(() => {
    const isSearching = query.trim() !== "";
    const found = bySection(palette.find(query));
    const byId = new Map<string, Offer>();
    const most = isSearching ? FOUND : SHOWN;
    let more = 0;
    const sections = SECTIONS.map((section) => {
      const { types, modules } = found[section];
      const choices: Choice[] = [];
      const add = (id: string, make: () => Omit<Choice, "id">) => {
        if (byId.size === most) {
          more++;
          return;
        }
        const choice = { id, ...make() };
        choices.push(choice);
        byId.set(id, choice.offer);
      };
      for (const type of types) {
        add(type.type, () => ({
          offer: offers.ofType(type.type, type.label),
          icon: <TypeIcon type={type.type} />,
          description: type.description,
        }));
      }
      for (const { module, actions: fitting } of modules) {
        if (!module.available) {
          continue;
        }
        const icon = <ModuleIcon token={module?.iconToken} />;
        if (!isSearching) {
          const offer = offers.ofModule(module);
          if (offer) {
            add(module.groupKey, () => ({ offer, icon, description: module.description }));
          }
          continue;
        }
        for (const action of fitting) {
          const id = `${action.id}@${action.version}`;
          add(id, () => {
            const contract = actions.get(id);
            return {
              offer: offers.ofAction(module, action.id),
              icon,
              description: action.description,
              detail: module.label,
              badge: contract ? <EffectBadge effect={contract.effect} /> : undefined,
            };
          });
        }
      }
      return { id: section, choices };
    }).filter(({ choices }) => choices.length > 0);
    return { sections, byId, more };
  }, [palette, query, actions]);
  return (
    <div className="ed-choices">
      <Autocomplete inputValue={query} onInputChange={setQuery}>
        <SearchField className="ed-search" aria-label={t("editor.add.search")} autoFocus>
          <Input className="ed-input" placeholder={t("editor.add.search")} />
        </SearchField>
        {isOpen ? (
          <ListBox
            className="ed-listbox"
            aria-label={t("editor.add.title")}
            items={sections}
            selectionMode="none"
            onAction={(id) => {
              const offer = byId.get(String(id));
              if (offer) {
                onChoose(offer);
              }
            }}
            renderEmptyState={() => <p className="ed-empty">{t("editor.palette.nothing", { query })}</p>}
          >
            {(section) => (
              <ListBoxSection id={`section:${section.id}`}>
                <Header className="ed-choices-head">{t(`editor.section.${section.id}`)}</Header>
                <Collection items={section.choices}>
                  {(choice) => (
                    <ListBoxItem
                      id={choice.id}
                      textValue={`${choice.offer.label} ${choice.detail ?? ""}`}
                      className="ed-option ed-choice"
                    >
                      {choice.icon}
                      <span className="ed-tile-words">
                        <span className="ed-tile-label">
                          {choice.offer.label}
                          {choice.detail ? <em>{choice.detail}</em> : null}
                        </span>
                        <small>{choice.description}</small>
                      </span>
                      {choice.badge}
                    </ListBoxItem>
                  )}
                </Collection>
              </ListBoxSection>
            )}
          </ListBox>
        ) : null}
        {more > 0 ? <p className="ed-more">{t("editor.palette.more", { count: more })}</p> : null}
      </Autocomplete>
    </div>
  );
}
